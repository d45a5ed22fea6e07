cat >/etc/systemd/system/dirt-noexec.service <<'END'
[Unit]
Description=Mounts /tmp and /var/tmp with noexec
DefaultDependencies=no
After=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount -o remount,noexec /tmp
ExecStart=mount -t tmpfs -o mode=1777,nosuid,nodev,noexec,size=64m tmpfs /var/tmp
[Install]
WantedBy=sysinit.target
END
systemctl daemon-reload
systemctl enable --now dirt-noexec.service
