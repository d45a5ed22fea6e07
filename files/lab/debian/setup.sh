#!/bin/sh
# Runs on the Debian image; $1 is its root, $2 the package mirror.
set -eu
root=$1 mirror=$2
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/mirror ./' >"$root/etc/apt/sources.list"
mkdir -p "$root/srv/mirror"
mount --bind "$mirror" "$root/srv/mirror"
mount -t proc proc "$root/proc"
chroot "$root" apt-get -qq update
umount "$root/proc" "$root/srv/mirror"
