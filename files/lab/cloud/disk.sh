#!/bin/sh
# Makes the disk $2 (qcow2) from the root $1: one partition with extlinux, booted by a BIOS.
set -eu
root=$1 image=$2 raw=$2.raw mnt=$2.mnt
start=1048576
truncate -s 2G "$raw"
echo 'start=2048, type=83, bootable' | sfdisk -q "$raw"
# Without newer features of ext4, which extlinux cannot read.
mkfs.ext4 -q -F -L cloud -m 0 -O ^64bit,^metadata_csum,^metadata_csum_seed,^orphan_file \
  -E "offset=$start" -d "$root" "$raw" $((2 * 1024 * 1024 - 1024))k
dd if="$root/usr/lib/syslinux/mbr/mbr.bin" of="$raw" bs=440 count=1 conv=notrunc status=none
mkdir -p "$mnt"
mount -o "loop,offset=$start" "$raw" "$mnt"
mount -t proc proc "$mnt/proc"
mount --bind /dev "$mnt/dev"
mount --bind /sys "$mnt/sys"
chroot "$mnt" extlinux --install /boot/extlinux >/dev/null 2>"$2.log" || { cat "$2.log" >&2; exit 1; }
umount "$mnt/sys" "$mnt/dev" "$mnt/proc" "$mnt"
qemu-img convert -c -O qcow2 "$raw" "$image"
rm -rf "$raw" "$mnt" "$2.log"
