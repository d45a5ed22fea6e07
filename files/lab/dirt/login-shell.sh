# The C shell takes no POSIX syntax.
DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 install -y --no-install-recommends tcsh >/dev/null
usermod -s /bin/tcsh root
