# What Docker does: iptables -P FORWARD DROP, and an empty chain for the operator's own rules.
DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 install -y --no-install-recommends iptables >/dev/null
cat >/etc/systemd/system/dirt-docker.service <<'END'
[Unit]
Description=The forwarding policy that Docker sets
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=iptables -P FORWARD DROP
ExecStart=-iptables -N DOCKER-USER
ExecStart=-iptables -A DOCKER-USER -j RETURN
ExecStart=-iptables -I FORWARD -j DOCKER-USER
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable --now dirt-docker.service
