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
mkdir -p /build/trees /build/files /build/rpmbuild/BUILD /build/rpmbuild/BUILDROOT
cd /build

# The upstream part of a Debian version, as RPM accepts it.
upstream() { sed 's/^[0-9]*://; s/-[^-]*$//; s/[^A-Za-z0-9.+~]/./g' <<<"$1"; }

unpack() { # name of the RPM, Debian packages
  local name=$1 version=9.5 deb inst
  shift
  mkdir -p "trees/$name/usr"
  [ $# -eq 0 ] || inst=$(apt-get -s --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1_\2/p')
  for deb in ${inst:-}; do
    [ "${deb%%_*}" != "$1" ] || version=$(upstream "${deb#*_}")
    dpkg-deb --fsys-tarfile /srv/mirror/"${deb//:/%3a}"_*.deb | tar -x -C "trees/$name" --keep-directory-symlink \
      --exclude='./usr/share/'{doc,man,locale,info,lintian,bug,doc-base} --exclude='./etc/'{init.d,default,apparmor.d,logrotate.d,cron.d,network,dhcp,ppp,apt}
  done
  echo "$version"
}

merge_usr() { # name of the RPM: /bin, /lib, /lib64 and /sbin are links
  local dir
  for dir in bin lib lib64 sbin; do
    [ -d "trees/$1/$dir" ] || continue
    mkdir -p "trees/$1/usr/$dir"
    cp -a "trees/$1/$dir/." "trees/$1/usr/$dir"
    rm -r "trees/${1:?}/$dir"
  done
}

list() { # name of the RPM: its %files
  local owners=/mnt/rpms/$1/owners
  (cd "trees/$1" && find . -mindepth 1 -type d -printf 'd /%P\n' -o -printf 'f /%P\n') | sort -k2 | while read -r type path; do
    [ "$type" = f ] || ! [ -d "$path" ] || continue
    attr=
    if [ -e "$owners" ]; then attr=$(sed -n "s|^\([0-9]*\) \([^ ]*\) \([^ ]*\) $path\$|%attr(\1,\2,\3) |p" "$owners"); fi
    case $type:$path in
    d:*) echo "$attr%dir \"$path\"" ;;
    f:/etc/*) echo "$attr%config(noreplace) \"$path\"" ;;
    *) echo "$attr\"$path\"" ;;
    esac
  done >"files/$1"
}

section() { # name of section and RPM, file
  [ ! -e "$3" ] || { echo "%$1 -n $2"; cat "$3"; }
}

cat >all.spec <<'END'
Name: fmc-lab-all
Version: 9.5
Release: 1%{dist}
Summary: Packages of the lab
License: various
%description
Not built.
END
for dir in /mnt/rpms/*/; do
  name=$(basename "$dir")
  version=$(unpack "$name" $(cat "$dir/debs" 2>/dev/null))
  merge_usr "$name"
  [ ! -e "$dir/layout" ] || (cd "trees/$name" && bash -euo pipefail "$dir/layout")
  [ ! -d "$dir/root" ] || cp -a --no-preserve=ownership "$dir/root/." "trees/$name"
  list "$name"
  {
    printf '%%package -n %s\nVersion: %s\nSummary: %s of the lab\nAutoReqProv: no\n' "$name" "$version" "$name"
    cat "$dir/spec" 2>/dev/null || :
    printf '%%description -n %s\nFiles of Debian packages: %s\n' "$name" "$(cat "$dir/debs" 2>/dev/null)"
    section pre "$name" "$dir/pre"
    section post "$name" "$dir/post"
    printf '%%files -n %s\n' "$name"
    cat "files/$name"
  } >>all.spec
done
cat >>all.spec <<'END'
%install
cp -al /build/trees/*/. "$RPM_BUILD_ROOT"
END

sed 's/#.*//' /mnt/installed.txt | while read -r name deb; do
  [ -n "$name" ] || continue
  printf '%%package -n %s\nVersion: %s\nSummary: %s\nAutoReqProv: no\n' "$name" "$(upstream "$(dpkg-query -W -f '${Version}' "$deb")")" "$name"
  [ "$name" != bash ] || echo 'Provides: /bin/sh'
  printf '%%description -n %s\nIs there.\n%%files -n %s\n' "$name" "$name"
done >installed.part
{ sed '/^%package/,$d' all.spec; cat installed.part; } >installed.spec

build() { # spec, directory of the RPMs
  rpmbuild -bb --quiet --define "_rpmdir $2" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define '_binary_payload w.ufdio' --define '__os_install_post %{nil}' --define '_build_id_links none' \
    --define 'debug_package %{nil}' --define '_topdir /build/rpmbuild' --define '_unpackaged_files_terminate_build 0' "$1"
}
build all.spec /build/repo
build installed.spec /build/installed
createrepo_c -q --no-database /build/repo
# Packages of a module stream: dnf hides them until it is enabled.
cp /mnt/modules.yaml .
rpm -qp --qf '%{modularitylabel} %{name}-0:%{version}-%{release}.%{arch}\n' repo/*.rpm | sed -n 's/^postgresql:[^ ]* /    - /p' >>modules.yaml
modifyrepo_c --mdtype=modules modules.yaml repo/repodata >/dev/null
rm -rf trees rpmbuild
CHROOT

umount "$root/mnt" "$root/proc" "$root/srv/mirror"
mv "$root"/build/repo "$root"/build/installed "$3"
rm -rf "$root/build"
