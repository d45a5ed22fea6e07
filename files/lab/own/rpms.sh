#!/bin/bash
# Makes the RPMs of lab.packages: in the directory $3, `rpms` has their parts (../el9/rpms/README.md) and `debian` Debian
# packages; `el` gets the RPMs, besides those that are there, and their index. $1 is the root that ../el9/build.sh made, $2
# the lab's mirror of Debian packages. All that is mounted ends with this script's mount namespace.
set -euo pipefail
el9=$(cd "$(dirname "$0")/../el9" && pwd)
lower=$1 mirror=$2 dir=$3
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
root=/mnt/root
mkdir -p "$root"/srv/{mirror,packages} "$root"/build/{rpms,repo}
mount --bind "$mirror" "$root/srv/mirror"
mount --bind "$dir/debian" "$root/srv/packages"
mount --bind "$dir/rpms" "$root/build/rpms"
mount --bind "$dir/el" "$root/build/repo"
mount --bind "$el9" "$root/mnt"
mount -t proc proc "$root/proc"
printf 'deb [trusted=yes] file:/srv/%s ./\n' mirror packages >"$root/etc/apt/sources.list"
chroot "$root" bash -euo pipefail <<'CHROOT'
export LC_ALL=C
apt-get -qq update
[ -z "$(ls /build/rpms)" ] || bash /mnt/pack.sh /build/rpms /build/repo
createrepo_c -q --no-database /build/repo
CHROOT
