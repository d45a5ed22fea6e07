# Another web server.
cat >/etc/systemd/system/dirt-port-8080.socket <<'END'
[Unit]
Description=Something that listens on port 8080
[Socket]
ListenStream=0.0.0.0:8080
[Install]
WantedBy=sockets.target
END
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' >/etc/systemd/system/dirt-port-8080.service
systemctl daemon-reload
systemctl enable --now dirt-port-8080.socket
