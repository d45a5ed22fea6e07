# Another program listens on port $1.
cat >"/etc/systemd/system/dirt-port-$1.socket" <<END
[Unit]
Description=Something that listens on port $1
[Socket]
ListenStream=0.0.0.0:$1
ListenDatagram=0.0.0.0:$1
[Install]
WantedBy=sockets.target
END
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' >"/etc/systemd/system/dirt-port-$1.service"
systemctl daemon-reload
systemctl enable --now "dirt-port-$1.socket"
