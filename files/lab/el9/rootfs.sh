#!/bin/sh
# Runs on a root file system of lab.images; $1 is its root, $2 the directory of its packages, or empty.
set -eu
root=$1 source=$2
[ -n "$source" ] || exit 0
mkdir -p "$root/etc/yum.repos.d"
rm -f "$root"/etc/yum.repos.d/*.repo
printf '[fmc-lab]\nname=lab.images\nbaseurl=file://%s\nenabled=1\ngpgcheck=0\n' "$source" >"$root/etc/yum.repos.d/fmc-lab.repo"
