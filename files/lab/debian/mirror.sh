#!/bin/sh
# Runs on the Debian root ($1) that ../install.sh makes: the packages of packages.txt and of el9/packages.txt, with all that the
# root lacks for them, go to $FMC_MIRROR. They must be installable together: one run of apt costs a second, one for each line 40.
set -eu
mkdir -p "$FMC_MIRROR/partial"
lab=$(dirname "$0")/..
# shellcheck disable=SC2046 # one word per package
apt-get -qq -y -o Dir::Cache::archives="$FMC_MIRROR" -o APT::Keep-Downloaded-Packages=true --download-only install \
  $(sed 's/#.*//' "$lab/packages.txt" "$lab/el9/packages.txt") >/dev/null </dev/null
rm -rf "$FMC_MIRROR/partial" "$FMC_MIRROR/lock"
