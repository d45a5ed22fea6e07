#!/bin/sh
# Runs on the Flatcar image of nspawn machines before its setup.sh; $1 is its root.
set -eu
root=$1
mv "$root/usr/sbin/mount.nfs" "$root/usr/lib/fmc-lab/mount.nfs.real"
ln -s ../lib/fmc-lab/mount.nfs "$root/usr/sbin/mount.nfs"

# The real exportfs still parses and answers; its replacement then updates NFS-Ganesha.
mv "$root/usr/sbin/exportfs" "$root/usr/lib/fmc-lab/exportfs.real"
mv "$root/usr/lib/fmc-lab/exportfs" "$root/usr/sbin/exportfs"
mv "$root/usr/lib/fmc-lab/nfs-server.service" "$root/usr/lib/systemd/system/nfs-server.service"
mv "$root/usr/bin/ganesha.nfsd" "$root/usr/lib/fmc-lab/"
mv "$root/usr/bin/udevadm" "$root/usr/lib/fmc-lab/udevadm.real"
mv "$root/usr/lib/fmc-lab/udevadm" "$root/usr/bin/udevadm"
