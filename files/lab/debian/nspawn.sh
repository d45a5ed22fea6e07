#!/bin/sh
# Runs on the Debian image of nspawn machines; $1 is its root. When a role
# installs nfs-common, its mount.nfs is diverted and the lab's stays.
set -eu
root=$1
chroot "$root" dpkg-divert --quiet --local --rename --divert /sbin/mount.nfs.real --add /sbin/mount.nfs
ln -s ../lib/fmc-lab/mount.nfs "$root/usr/sbin/mount.nfs"
# This kernel has no rpc_pipefs; nfs-common would leave a failed unit.
ln -s /dev/null "$root/etc/systemd/system/run-rpc_pipefs.mount"
