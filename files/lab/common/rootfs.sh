#!/bin/sh
# Runs on a root file system of lab.images; $1 is its root.
set -eu
root=$1
units=$root/usr/lib/systemd/system own=$root/etc/systemd/system

enabled() {
  for dir in "$own" "$units"; do
    for link in "$dir"/multi-user.target.wants/ssh*.service "$dir"/sockets.target.wants/ssh*.socket; do
      [ ! -L "$link" ] || return 0
    done
  done
  return 1
}
if ! enabled; then
  mkdir -p "$own/multi-user.target.wants"
  for unit in sshd.service ssh.service sshd.socket; do
    [ -e "$units/$unit" ] || continue
    ln -s "/usr/lib/systemd/system/$unit" "$own/multi-user.target.wants/"
    break
  done
fi

# Root logs in with the lab's key, and known_hosts has the host's key. First in the file: sshd uses a setting's first value.
config=$root/etc/ssh/sshd_config
{
  echo '# A machine of fmc lab'
  echo 'PermitRootLogin prohibit-password'
  echo 'PubkeyAuthentication yes'
  echo 'AuthorizedKeysFile .ssh/authorized_keys'
  echo 'HostKey /etc/ssh/ssh_host_ed25519_key'
  chroot "$root" cat /etc/ssh/sshd_config 2>/dev/null || :
} >"$config.lab"
chmod 0600 "$config.lab"
mv "$config.lab" "$config"

# The lab sets the addresses before the machine boots.
if [ -e "$root/usr/sbin/NetworkManager" ]; then
  mkdir -p "$root/etc/NetworkManager/conf.d"
  printf '[keyfile]\nunmanaged-devices=*\n' >"$root/etc/NetworkManager/conf.d/90-fmc-lab.conf"
fi
[ ! -d "$root/etc/cloud" ] || : >"$root/etc/cloud/cloud-init.disabled"
# This kernel has no rpc_pipefs; the NFS packages would leave a failed unit.
for unit in run-rpc_pipefs.mount var-lib-nfs-rpc_pipefs.mount; do ln -sf /dev/null "$own/$unit"; done
