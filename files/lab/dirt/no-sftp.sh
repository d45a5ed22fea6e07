sed -i 's/^\s*Subsystem\s\+sftp/#&/' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null || :
systemctl reload ssh 2>/dev/null || systemctl reload sshd
