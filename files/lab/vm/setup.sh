#!/bin/sh
# Runs on an image that becomes a virtual machine's disk; $1 is its root, $3 its personality.
set -eu
root=$1 personality=$3
rm -f "$root/etc/systemd/system/modprobe@.service" "$root/etc/systemd/system/dev-hugepages.mount" "$root/etc/tmpfiles.d/lab-mtab.conf"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/srv/mirror"
ln -sf ../fmc-lab-network.service "$root/etc/systemd/system/multi-user.target.wants/fmc-lab-network.service"
ln -sf /proc/self/mounts "$root/etc/mtab"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
[ "$personality" != debian ] || echo 'LABEL=fmc-mirror /srv/mirror ext4 ro,nofail 0 0' >>"$root/etc/fstab"
[ "$personality" != flatcar ] || {
  mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
  ln -sf ../fmc-lab-usr.service "$root/etc/systemd/system/sysinit.target.wants/fmc-lab-usr.service"
}
