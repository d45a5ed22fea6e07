#!/bin/sh
# Runs on the root of the cloud image ($1) that ../install.sh makes: the packages of offline.txt, with all that the image lacks for them, go
# into the image itself: its machine has no Internet.
set -eu
mirror=$1/srv/mirror
mkdir -p "$mirror/partial"
# shellcheck disable=SC2046 # one word per line
apt-get -qq -y -o Dir::Cache::archives="$mirror" \
  -o APT::Keep-Downloaded-Packages=true --download-only install $(cat "$(dirname "$0")/offline.txt") >/dev/null </dev/null
rm -rf "$mirror/partial" "$mirror/lock"
cd "$mirror"
apt-ftparchive packages . >Packages
apt-ftparchive release . >../Release
mv ../Release .
