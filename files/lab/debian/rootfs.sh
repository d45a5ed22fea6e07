#!/bin/sh
# Runs on a root file system of lab.images; $1 is its root, $2 the directory of its packages, or empty.
set -eu
root=$1 source=$2
[ -n "$source" ] || exit 0
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*
echo "deb [trusted=yes] file:$source ./" >"$root/etc/apt/sources.list"
