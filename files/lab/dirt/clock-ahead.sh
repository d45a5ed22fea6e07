# Nobody has set the clock of the hardware; the program that would set the time right does not run.
for unit in systemd-timesyncd chrony; do systemctl disable --now "$unit" 2>/dev/null || :; done
cat >/etc/systemd/system/dirt-clock.service <<'END'
[Unit]
Description=A clock that is an hour ahead
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/date -s '+1 hour'
[Install]
WantedBy=sysinit.target
END
systemctl daemon-reload
systemctl enable --now dirt-clock.service
