# Another resolver.
cat >/etc/systemd/system/dirt-port-53.socket <<'END'
[Unit]
Description=Something that listens on port 53
[Socket]
ListenStream=0.0.0.0:53
ListenDatagram=0.0.0.0:53
[Install]
WantedBy=sockets.target
END
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' >/etc/systemd/system/dirt-port-53.service
systemctl daemon-reload
systemctl enable --now dirt-port-53.socket
