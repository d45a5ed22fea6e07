#!/bin/bash
# Runs on the image of Enterprise Linux hosts; $1 is its root, $2 what build.sh made.
set -euo pipefail
root=$1

# The host's own name and version come with the machine (lib/lab/machines/el-release.ts).
printf 'ID=almalinux\nVERSION_ID=9.5\nPLATFORM_ID="platform:el9"\n' >"$root/usr/lib/os-release"
ln -sf ../usr/lib/os-release "$root/etc/os-release"
ln -sf bash "$root/usr/bin/sh"

# EL's names for what Debian's openssh-server calls ssh.
units=$root/usr/lib/systemd/system
sed -e 's|/etc/default/ssh|/etc/sysconfig/sshd|; s/SSHD_OPTS/OPTIONS/; /^Alias=/d; s/^Description=.*/Description=OpenSSH server daemon/' "$units/ssh.service" >"$units/sshd.service"
rm -f "$units"/ssh.* "$units"/ssh@.service "$root"/etc/systemd/system/sshd.service
mkdir -p "$root/usr/libexec/openssh" "$root/etc/sysconfig" "$root/etc/selinux" "$root/srv/repo" "$root/var/lib/rpm"
ln -s /usr/lib/openssh/sftp-server "$root/usr/libexec/openssh/sftp-server"
sed -i 's|/usr/lib/openssh/sftp-server|/usr/libexec/openssh/sftp-server|' "$root/etc/ssh/sshd_config"
printf 'SELINUX=enforcing\nSELINUXTYPE=targeted\n' >"$root/etc/selinux/config"
ln -s ../selinux/config "$root/etc/sysconfig/selinux"
printf '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n' >"$root/etc/dnf/dnf.conf"
mkdir -p "$root/var/lib/fmc-lab/selinux" "$root/usr/local/libexec"
touch "$root"/var/lib/fmc-lab/selinux/{booleans,fcontexts,ports,permissive,modules,contexts}
for tool in getenforce setenforce sestatus getsebool setsebool selinuxenabled matchpathcon restorecon semodule; do
  ln -s ../lib/fmc-lab/selinux "$root/usr/sbin/$tool"
done
ln -sf ../lib/fmc-lab/selinux "$root/usr/bin/chcon"
chroot "$root" groupadd -r wheel
# Removes static users and groups that EL lacks or gives another number (26 is postgres on EL, tape on Debian).
for user in www-data backup list irc news uucp proxy _apt man; do chroot "$root" userdel "$user" 2>/dev/null || :; done
for group in fax voice dip src operator sasl plugdev staff; do chroot "$root" groupdel "$group" 2>/dev/null || :; done
for group in audio:63 cdrom:11 floppy:19 tape:33 video:39; do chroot "$root" groupmod -g "${group#*:}" "${group%:*}"; done
echo '%wheel ALL=(ALL) ALL' >"$root/etc/sudoers.d/wheel"

# Removes Debian's package manager and Perl.
cd "$root/usr"
rm -rf bin/apt* bin/dpkg* bin/deb-* bin/perl* bin/cpan* bin/debconf* sbin/dpkg-* sbin/update-rc.d bin/update-alternatives \
  sbin/adduser sbin/addgroup sbin/deluser sbin/delgroup lib/apt lib/dpkg share/perl* lib/x86_64-linux-gnu/perl* share/debconf \
  share/apt* lib/systemd/system/{apt,dpkg,e2scrub}* lib/systemd/system/timers.target.wants/{apt,dpkg,e2scrub}*
cd "$root"
rm -rf var/lib/dpkg var/lib/apt var/cache/apt var/cache/debconf etc/apt etc/dpkg etc/init.d etc/rc?.d etc/debian_version etc/cron.d \
  etc/cron.daily etc/systemd/system/*.wants etc/systemd/user/*.wants

rm usr/lib/systemd/system-preset/90-systemd.preset
mount --bind "$2/repo" srv/repo
mount --bind "$2/installed" mnt
mount -t proc proc proc
chroot "$root" bash -euo pipefail <<'CHROOT'
export LC_ALL=C
rpm -i --justdb --nodeps /mnt/*.rpm
rpm -i /srv/repo/almalinux-release-*.rpm
dnf -q -y install setup chrony firewalld
dnf -q makecache
systemctl preset-all 2>/dev/null
# As in EL's packages, nothing is compiled or written when a program is first used.
python3 -m compileall -q /usr/lib/python3/dist-packages >/dev/null
CHROOT
umount proc mnt srv/repo
