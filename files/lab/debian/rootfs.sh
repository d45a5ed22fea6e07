#!/bin/sh
# Done to a root file system of lab.images; $1 is its root, $2 where its machines find packages, if they do.
set -eu
root=$1 source=$2
[ -n "$source" ] || exit 0
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*
echo "deb [trusted=yes] file:$source ./" >"$root/etc/apt/sources.list"
