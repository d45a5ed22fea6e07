#!/bin/sh
# Runs on the root of the cloud image; $1 is its root.
set -eu
root=$1
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_* "$root"/var/lib/dbus/machine-id
echo 'deb [trusted=yes] file:/srv/mirror ./' >"$root/etc/apt/sources.list"
echo 'LABEL=cloud / ext4 defaults 0 1' >"$root/etc/fstab"
: >"$root/etc/machine-id"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_reap.service e2scrub_all.timer \
  fstrim.timer man-db.timer systemd-networkd-wait-online.service cloud-config.service cloud-final.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
chroot "$root" systemctl -q enable systemd-networkd systemd-resolved
chroot "$root" apt-get -qq update
chroot "$root" update-initramfs -c -k all >/dev/null
umount "$root/dev" "$root/proc"
cp "$root"/boot/vmlinuz-* "$root/boot/vmlinuz"
cp "$root"/boot/initrd.img-* "$root/boot/initrd.img"
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log "$root"/var/log/apt
