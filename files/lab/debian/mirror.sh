#!/bin/sh
# While mmdebstrap builds the Debian image ($1): every set of packages.txt and of el9/packages.txt, with all that the image
# lacks for it, goes to $FMC_MIRROR.
set -eu
mkdir -p "$FMC_MIRROR/partial"
lab=$(dirname "$0")/..
sed 's/#.*//' "$lab/packages.txt" "$lab/el9/packages.txt" | while read -r set; do
  [ -n "$set" ] || continue
  # shellcheck disable=SC2086 # a set is several words
  APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq -y -o Dir::Cache::archives="$FMC_MIRROR" \
    -o APT::Keep-Downloaded-Packages=true --download-only install $set >/dev/null </dev/null
done
rm -rf "$FMC_MIRROR/partial" "$FMC_MIRROR/lock"
