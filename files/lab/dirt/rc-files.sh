# Shells that greet, trace what they read, and change the directory.
for file in /root/.bashrc /root/.profile /root/.bash_profile /etc/profile.d/dirt.sh; do
  printf '%s\n' 'echo "Welcome. All use is logged."' 'umask 077' 'cd /tmp' 'set -v' 'set -x' >>"$file"
done
printf '%s\n' 'echo "Welcome. All use is logged."' 'set verbose' 'set echo' >>/root/.cshrc
printf '%s\n' 'This banner is longer than one line.' 'password:' '[sudo] password for root:' >/etc/motd
