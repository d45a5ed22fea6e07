#!/bin/sh
# Done to the Debian image of nspawn machines; $1 is its root. The package's mount.nfs, when a role
# installs it, goes aside for the lab's.
set -eu
root=$1
chroot "$root" dpkg-divert --quiet --local --rename --divert /sbin/mount.nfs.real --add /sbin/mount.nfs
ln -s ../lib/fmc-lab/mount.nfs "$root/usr/sbin/mount.nfs"
# This kernel has no rpc_pipefs; nfs-common would leave a failed unit.
ln -s /dev/null "$root/etc/systemd/system/run-rpc_pipefs.mount"
