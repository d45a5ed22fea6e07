#!/bin/sh
# Done to the image of Enterprise Linux hosts before its setup.sh; $1 is its root. The place of nfs-utils' mount.nfs is the lab's.
set -eu
root=$1
ln -s ../lib/fmc-lab/mount.nfs "$root/usr/sbin/mount.nfs"
# This kernel has no rpc_pipefs; nfs-utils would leave a failed unit.
for unit in run-rpc_pipefs.mount var-lib-nfs-rpc_pipefs.mount; do ln -s /dev/null "$root/etc/systemd/system/$unit"; done
