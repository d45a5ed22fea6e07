#!/bin/bash
# From a Debian root ($1) and a mirror of Debian's packages ($2), makes in $3: `root`, the same with dnf and rpm,
# `repo`, RPMs that are laid out like Enterprise Linux 9's, and `installed`, RPMs for the database of what is there already.
# rpms/<name of the RPM>/ holds
#   debs     packages that are in it, with their dependencies that the root lacks
#   layout   shell text, run in the tree of their files
#   root/    files laid over them
#   spec     more of the spec file's preamble
#   pre post scriptlets
#   owners   lines: mode user group path
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$3/root
mirror=$2

cp -a --reflink=auto "$1" "$root"
mkdir -p "$root/srv/mirror" "$root/build"
mount --bind "$mirror" "$root/srv/mirror"
mount -t proc proc "$root/proc"
mount --bind "$here" "$root/mnt"
rm -rf "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/mirror ./' >"$root/etc/apt/sources.list"
chroot "$root" bash -euo pipefail <<'CHROOT'
shopt -s inherit_errexit
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt='apt-get -qq -y --no-install-recommends'
$apt update
sed 's/#.*//' /mnt/packages.txt | xargs $apt -o Dpkg::Options::=--force-unsafe-io install >/dev/null
printf '%s\n' '%_dbpath /var/lib/rpm' '%rhel 9' '%dist .el9' >/usr/lib/rpm/macros.d/macros.el9
mkdir -p /build
. /mnt/rpmbuild.sh
bash /mnt/pack.sh /mnt/rpms /build/repo
cd /build

sed 's/#.*//' /mnt/installed.txt | while read -r name deb; do
  [ -n "$name" ] || continue
  printf '%%package -n %s\nVersion: %s\nSummary: %s\nAutoReqProv: no\n' "$name" "$(upstream "$(dpkg-query -W -f '${Version}' "$deb")")" "$name"
  [ "$name" != bash ] || echo 'Provides: /bin/sh'
  printf '%%description -n %s\nIs there.\n%%files -n %s\n' "$name" "$name"
done >installed.part
{ sed '/^%package/,$d' pack/all.spec; cat installed.part; } >installed.spec

build installed.spec /build/installed
createrepo_c -q --no-database /build/repo
# Packages of a module stream: dnf hides them until it is enabled.
cp /mnt/modules.yaml .
rpm -qp --qf '%{modularitylabel} %{name}-0:%{version}-%{release}.%{arch}\n' repo/*.rpm | sed -n 's/^postgresql:[^ ]* /    - /p' >>modules.yaml
modifyrepo_c --mdtype=modules modules.yaml repo/repodata >/dev/null
rm -rf pack rpmbuild
CHROOT

umount "$root/mnt" "$root/proc" "$root/srv/mirror"
mv "$root"/build/repo "$root"/build/installed "$3"
rm -rf "$root/build"
