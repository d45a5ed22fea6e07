# As some people do against programs that write it.
[ -L /etc/resolv.conf ] || chattr +i /etc/resolv.conf
