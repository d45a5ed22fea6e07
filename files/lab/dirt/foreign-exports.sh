# Somebody exports a directory that fmc knows nothing of.
mkdir -p /srv/media
echo '/srv/media 192.168.0.0/16(ro,no_subtree_check) 10.0.0.0/8(ro,no_subtree_check)' >/etc/exports
