#!/bin/sh
# Runs on the image of Enterprise Linux hosts before its setup.sh; $1 is its root. The lab's mount.nfs replaces that of nfs-utils.
set -eu
root=$1
ln -s ../lib/fmc-lab/mount.nfs "$root/usr/sbin/mount.nfs"
# This kernel has no rpc_pipefs; nfs-utils would leave a failed unit.
for unit in run-rpc_pipefs.mount var-lib-nfs-rpc_pipefs.mount; do ln -s /dev/null "$root/etc/systemd/system/$unit"; done
