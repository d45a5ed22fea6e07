# A network that the inventory does not have takes the default route; the private networks stay where they were.
cat >/usr/local/sbin/dirt-nic <<'END'
#!/bin/sh
set -eu
ip link show dirt0 >/dev/null 2>&1 || ip link add dirt0 type veth peer name dirt1
ip link set dirt1 up
ip address replace 198.51.100.7/24 dev dirt0
ip link set dirt0 up
via=$(ip -4 route show default | sed -n 's/.* via \([0-9.]*\) .*/\1/p; s/.* via \([0-9.]*\)$/\1/p' | head -n 1)
if [ -n "$via" ] && [ "$via" != 198.51.100.1 ]; then
  for net in 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16; do ip route replace "$net" via "$via"; done
  ip route del default
fi
ip route replace default via 198.51.100.1 dev dirt0
END
chmod 0755 /usr/local/sbin/dirt-nic
cat >/etc/systemd/system/dirt-nic.service <<'END'
[Unit]
Description=A second NIC with the default route
After=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/dirt-nic
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable --now dirt-nic.service
