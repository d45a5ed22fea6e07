# /var becomes a file system of its own without a free block. It is in memory: at the next boot it is as it was when it was made.
# rm /var/lib/dirt-ballast makes room.
cat >/etc/fmc-dirt-var <<'END'
set -eu
[ "$(stat -fc %T /var)" = tmpfs ] && exit 0
mount -t tmpfs -o "mode=0755,size=$(($(du -skx /var | cut -f 1) + 4096))k" dirt-var /mnt
cp -a /var/. /mnt
head -c 100000000000 /dev/zero >/mnt/lib/dirt-ballast 2>/dev/null || :
mount --bind /mnt /var
umount /mnt
END
cat >/etc/systemd/system/dirt-var.service <<'END'
[Unit]
Description=/var without a free block
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target systemd-tmpfiles-setup.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/fmc-dirt-var
[Install]
WantedBy=sysinit.target
END
systemctl daemon-reload
systemctl enable --now dirt-var.service
