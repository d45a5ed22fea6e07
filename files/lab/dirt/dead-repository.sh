# A repository that went away years ago.
if [ -d /etc/apt ]; then
  echo 'deb http://127.0.0.1:9/debian stable main' >/etc/apt/sources.list.d/dirt.list
else
  printf '%s\n' '[dirt]' 'name=a repository that went away' 'baseurl=http://127.0.0.1:9/el' 'enabled=1' 'gpgcheck=0' >/etc/yum.repos.d/dirt.repo
fi
