# From sshd, from PAM, and from root's own files: none of them is meant for fmc.
cat >/etc/ssh/sshd_config.d/10-dirt-environment.conf <<'END'
SetEnv http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 PGUSER=stranger PGHOST=203.0.113.9 KUBECONFIG=/dev/null TZ=Pacific/Kiritimati LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 GREP_OPTIONS=-v POSIXLY_CORRECT=1 BASH_ENV=/root/.dirt-env ENV=/root/.dirt-env
END
printf '%s\n' 'http_proxy=http://127.0.0.1:9' 'PGSERVICE=stranger' 'TZ=Pacific/Kiritimati' >>/etc/environment
printf '%s\n' 'echo BASH_ENV was read' 'export IFS=/' >/root/.dirt-env
printf '%s\n' 'proxy = http://127.0.0.1:9' >/root/.curlrc
printf '%s\n' '\set ON_ERROR_STOP off' '\pset format html' >/root/.psqlrc
systemctl reload ssh 2>/dev/null || systemctl reload sshd
