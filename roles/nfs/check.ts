import { quote } from '../../lib/index.ts'

/** $1: the candidate. */
const TRY = String.raw`set -eu
d=$(mktemp -d /run/fmc-exports.XXXXXX)
trap 'umount "$d" 2>/dev/null; rmdir "$d"' EXIT
mount -t tmpfs -o mode=0755 fmc-exports "$d"
mkdir "$d/exports.d" "$d/nfs"
cp -- "$1" "$d/exports.d/fmc.exports"
mount --bind "$d/exports.d" /etc/exports.d
mount --bind "$d/nfs" /var/lib/nfs
: >/var/lib/nfs/etab
exportfs -ra >"$d/said" 2>&1 && [ ! -s "$d/said" ] || { cat "$d/said" >&2; exit 1; }
if exportfs -s | grep -E '^[^(]*([*?]|<world>)' >&2; then echo 'exported to everybody' >&2; exit 1; fi
umount /etc/exports.d /var/lib/nfs`

/**
 * Shell text that tries an exports file out: in a mount namespace of its own, with this file alone in /etc/exports.d and
 * an empty /var/lib/nfs, so that the table of the running server is out of reach. Needed because exportfs -ra with one
 * wrong option withdraws every export, and because a client * is accepted without a word. Warnings count as errors.
 */
export const checkExports = (candidate: string): string =>
  `unshare --mount --propagation private sh -c ${quote(TRY)} sh ${candidate}`
