# Somebody exports a directory that fmc knows nothing of. It is in memory: the lab's NFS server cannot share a machine's root.
echo 'd /run/media 0755' >/etc/tmpfiles.d/dirt.conf
systemd-tmpfiles --create dirt.conf
echo '/run/media 192.168.0.0/16(ro,no_subtree_check) 10.0.0.0/8(ro,no_subtree_check)' >/etc/exports
