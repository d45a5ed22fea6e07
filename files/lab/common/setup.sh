#!/bin/sh
# Runs on every image; $1 is its root.
set -eu
root=$1
mkdir -p "$root/etc/systemd/system" "$root/etc/ssh" "$root/etc/tmpfiles.d"

# Masks units that a machine of the lab does not need; firstboot and wait-online would stall for two minutes.
for unit in systemd-firstboot.service systemd-networkd-wait-online.service systemd-networkd.service \
  systemd-networkd.socket systemd-resolved.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
  systemd-journal-flush.service systemd-journal-catalog-update.service systemd-hwdb-update.service \
  console-getty.service getty.target getty-static.service e2scrub_reap.service e2scrub_all.timer \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer man-db.timer \
  systemd-initctl.socket modprobe@.service dev-hugepages.mount; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

mkdir -p "$root/usr/lib/modules"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf" "$root/etc/hostname"
echo '# no resolver: a role sets one' >"$root/etc/resolv.conf"
install -d -m 0700 "$root/root/.ssh"

echo 'L+ /etc/mtab - - - - ../proc/self/mounts' >"$root/etc/tmpfiles.d/lab-mtab.conf"
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log "$root"/var/log/apt
