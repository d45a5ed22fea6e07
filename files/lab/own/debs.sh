#!/bin/sh
# Downloads Debian packages with all that the lab's Debian image lacks for them. $1 is the image's bootstrapped root, whose
# sources and list of installed packages decide; $2 gets the packages; the others are their names.
set -eu
root=$1 to=$2
shift 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$to/partial" "$tmp/lists/partial" "$tmp/cache" "$tmp/parts"
apt() {
  apt-get -qq -y -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true \
    -o Dir::Etc::sourcelist="$root/etc/apt/sources.list" -o Dir::Etc::sourceparts="$tmp/parts" -o Dir::Etc::preferencesparts="$tmp/parts" \
    -o Dir::Etc::preferences=/dev/null -o Dir::State::status="$root/var/lib/dpkg/status" -o Dir::State::extended_states="$tmp/extended" \
    -o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp/cache" -o Dir::Cache::archives="$to" "$@" </dev/null
}
apt update
for package; do apt --no-install-recommends --download-only install "$package" >/dev/null; done
rm -rf "$to/partial" "$to/lock"
