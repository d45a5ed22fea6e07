import { quote } from '../../lib/index.ts'

/** Run in a mount namespace of its own; $1: the candidate. */
const TRY = String.raw`set -eu
d=$(mktemp -d /run/fmc-exports.XXXXXX)
trap 'umount "$d" 2>/dev/null; rmdir "$d"' EXIT
mount -t tmpfs -o mode=0755 fmc-exports "$d"
mkdir "$d/exports.d" "$d/nfs"
cp -- "$1" "$d/exports.d/fmc.exports"
: >"$d/none"
[ ! -e /etc/exports ] || mount --bind "$d/none" /etc/exports
mount --bind "$d/exports.d" /etc/exports.d
mount --bind "$d/nfs" /var/lib/nfs
: >/var/lib/nfs/etab
exportfs -ra >"$d/said" 2>&1 && [ ! -s "$d/said" ] || { cat "$d/said" >&2; exit 1; }
if exportfs -s | grep -E '^[^(]*([*?]|<world>)' >&2; then echo 'exported to everybody' >&2; exit 1; fi
umount /etc/exports.d /var/lib/nfs
[ ! -e /etc/exports ] || umount /etc/exports`

/**
 * Shell text that succeeds if exportfs accepts an exports file without a warning and no share is open to everybody. It
 * runs in a mount namespace with this file alone, without /etc/exports and the other files of /etc/exports.d, and with an
 * empty /var/lib/nfs: it judges no export of others, and cannot reach the running server's table.
 */
export const checkExports = (candidate: string): string =>
  `unshare --mount --propagation private sh -c ${quote(TRY)} sh ${candidate}`
