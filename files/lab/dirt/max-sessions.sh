echo 'MaxSessions 1' >/etc/ssh/sshd_config.d/10-dirt-sessions.conf
systemctl reload ssh 2>/dev/null || systemctl reload sshd
