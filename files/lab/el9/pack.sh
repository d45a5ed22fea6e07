#!/bin/bash
# Packs RPMs that are laid out like Enterprise Linux 9's out of Debian's packages, inside a root with dpkg and rpmbuild.
# $1 has a directory for each (rpms/README.md), $2 gets the RPMs. Debian's packages are in /srv/mirror and /srv/packages.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
rpms=$1 out=$2
rm -rf /build/pack
mkdir -p /build/pack/trees /build/pack/files /build/rpmbuild/BUILD /build/rpmbuild/BUILDROOT
cd /build/pack
. "$(dirname "$0")/rpmbuild.sh"

unpack() { # name of the RPM, Debian packages
  local name=$1 version=9.5 deb inst
  shift
  mkdir -p "trees/$name/usr"
  [ $# -eq 0 ] || inst=$(apt-get -s --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1_\2/p')
  for deb in ${inst:-}; do
    [ "${deb%%_*}" != "$1" ] || version=$(upstream "${deb#*_}")
    dpkg-deb --fsys-tarfile "$(find /srv/mirror /srv/packages -name "${deb//:/%3a}_*.deb" 2>/dev/null | head -n 1)" | tar -x -C "trees/$name" --keep-directory-symlink \
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
  local owners=$rpms/$1/owners
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
lay_out() { # name of the RPM: its tree and its %files
  local name=$1 dir=$rpms/$1
  unpack "$name" $(cat "$dir/debs" 2>/dev/null) >"versions/$name"
  merge_usr "$name"
  [ ! -e "$dir/layout" ] || (cd "trees/$name" && bash -euo pipefail "$dir/layout")
  [ ! -d "$dir/root" ] || cp -a --no-preserve=ownership "$dir/root/." "trees/$name"
  list "$name"
}

# The trees do not depend on each other: as many at a time as there are processors.
mkdir versions
names=$(cd "$rpms" && printf '%s\n' */ | tr -d /)
export -f lay_out unpack merge_usr list upstream
export rpms
xargs -r -n 1 -P "$(nproc)" bash -euo pipefail -O inherit_errexit -c 'lay_out "$1"' lay_out <<<"$names"
for name in $names; do
  dir=$rpms/$name
  {
    printf '%%package -n %s\nVersion: %s\nSummary: %s of the lab\nAutoReqProv: no\n' "$name" "$(cat "versions/$name")" "$name"
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
cp -al /build/pack/trees/*/. "$RPM_BUILD_ROOT"
END

build all.spec "$out"
