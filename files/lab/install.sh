#!/bin/sh
# Copies the root $1, which mmdebstrap made and left its package lists in, to $2, and installs packages there as mmdebstrap does:
# apt runs outside of the root, dpkg inside. $3 is a script to run on the new root with APT_CONFIG set, or empty; the others are
# the packages. All that is mounted ends with this script's mount namespace.
set -eu
base=$1 root=$2 hook=$3
shift 3
cp -a --reflink=auto "$base" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /sys "$root/sys"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
export TMPDIR="$root/tmp" APT_CONFIG="$root/tmp/apt.conf"
cat >"$APT_CONFIG" <<END
Dir "$root";
Dir::State::Status "$root/var/lib/dpkg/status";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d/";
END
# Debian deletes a package's file from its mirrors some time after a newer version has come.
[ -z "$(find "$root/var/lib/apt/lists" -maxdepth 0 -mmin +240)" ] || apt-get -qq update
# No service starts in a root that is not a running system.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
apt-get -qq -y -o Dir::Bin::dpkg=env -o DPkg::Options::=--unset=TMPDIR -o DPkg::Options::=dpkg -o "DPkg::Chroot-Directory=$root" \
  -o Dpkg::Use-Pty=0 install "$@" >"$root/tmp/apt.log" 2>&1 </dev/null || { tail -n 20 "$root/tmp/apt.log" >&2; exit 1; }
rm "$root/usr/sbin/policy-rc.d"
rm -f "$root"/var/cache/apt/archives/*.deb
[ -z "$hook" ] || "$hook" "$root"
umount "$root/sys" "$root/dev" "$root/proc"
rm -rf "$root"/tmp/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
