#!/bin/sh
# Runs on the Flatcar image; $1 is its root. Removes what Flatcar lacks and makes the rest look like Flatcar.
set -eu
root=$1 commands=$(dirname "$0")/commands.txt

cat >"$root/usr/lib/os-release" <<'END'
NAME="Flatcar Container Linux by Kinvolk"
ID=flatcar
ID_LIKE=coreos
VERSION=4593.2.5
VERSION_ID=4593.2.5
BUILD_ID=fmc-lab
PRETTY_NAME="Flatcar Container Linux by Kinvolk 4593.2.5 (a lab machine of fmc)"
ANSI_COLOR="38;5;75"
HOME_URL="https://flatcar.org/"
END
ln -sf ../usr/lib/os-release "$root/etc/os-release"
rm -f "$root/etc/debian_version"

# On Flatcar /usr is read-only, and only what an administrator or Ignition enabled is enabled.
printf 'enable ssh.service\nenable systemd-timesyncd.service\ndisable *\n' >"$root/etc/systemd/system-preset-lab"
mkdir -p "$root/etc/systemd/system-preset"
mv "$root/etc/systemd/system-preset-lab" "$root/etc/systemd/system-preset/00-lab.preset"
chroot "$root" systemctl preset-all >/dev/null 2>&1
rm "$root/etc/systemd/system-preset/00-lab.preset"
ln -sf ssh.service "$root/usr/lib/systemd/system/sshd.service"
for unit in update-engine locksmithd; do
  ln -s "../$unit.service" "$root/usr/lib/systemd/system/multi-user.target.wants/"
done
ln -sf bash "$root/usr/bin/sh"
rm -f "$root/etc/exports"
mkdir -p "$root/etc/exports.d"

# The user that gets Ignition's keys.
chroot "$root" groupadd -g 500 core
chroot "$root" useradd -K UID_MIN=500 -u 500 -g core -G sudo -m -s /bin/bash core
echo 'core ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/core"
chmod 0440 "$root/etc/sudoers.d/core"

# Removes package manager, Python and Perl.
cd "$root/usr"
rm -rf lib/apt lib/dpkg lib/python* share/perl* lib/x86_64-linux-gnu/perl* share/python* share/debconf share/apt* local/lib/python* \
  lib/systemd/system/nfs-ganesha*
rm -rf "$root"/var/lib/dpkg "$root"/var/lib/apt "$root"/var/cache/apt "$root"/var/cache/debconf "$root"/etc/apt "$root"/etc/dpkg "$root"/etc/init.d "$root"/opt/bin

# Leaves in PATH only what commands.txt lists. A listed link to another name (Debian's alternatives) becomes a program.
names=$(mktemp)
sed 's/#.*//' "$commands" | tr -s ' ' '\n' | sed '/^$/d' >"$names"
for dir in bin sbin; do
  # shellcheck disable=SC2010 # names of programs
  ls "$dir" | grep -xEf "$names" | while read -r name; do
    [ -L "$dir/$name" ] || continue
    program=$(chroot "$root" readlink -f "/usr/$dir/$name")
    case $program in /usr/bin/* | /usr/sbin/*) ;; *) continue ;; esac
    echo "${program##*/}" | grep -qxEf "$names" || cp -p --remove-destination "$root$program" "$dir/$name"
  done
  # shellcheck disable=SC2010
  ls "$dir" | grep -vxEf "$names" | while read -r name; do rm "$dir/$name"; done
done
rm "$names"
