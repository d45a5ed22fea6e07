# Old tuning, in the file that wins over all others at the next boot.
printf '%s\n' 'net.ipv4.ip_nonlocal_bind=0' 'net.ipv4.ip_forward = 0' 'fs.inotify.max_user_watches=8192' >>/etc/sysctl.conf
mkdir -p /etc/sysctl.d
[ -e /etc/sysctl.d/99-sysctl.conf ] || ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf
