import { quote } from '../../lib/index.ts'

export interface Backup {
  readonly bin: string
  readonly data: string
  readonly dir: string
  /** Refuse to write when nothing is mounted at `dir`. */
  readonly mounted: boolean
  readonly days: number
}

/**
 * The dump script, run by a timer as postgres; systemd never starts a unit twice, so it needs no lock of its own. Every dump is a directory DIR/YYYYMMDDTHHMMSSZ that appears complete or
 * not at all: globals.sql (roles with their verifiers), one pg_dump -Fc file per database, SHA256SUMS.
 */
export const backupScript = (o: Backup): string => `#!/bin/sh
# Managed by fmc. Changes made here are undone by its next run.
set -eu
umask 077
export LC_ALL=C PATH=${quote(o.bin)}:/usr/bin:/bin
dir=${quote(o.dir)}
cd "$dir"
${o.mounted ? `mountpoint -q -- "$dir" || { echo "$dir is not mounted: no dump is written" >&2; exit 75; }` : '# a local directory: no mount is needed'}
PGHOST=$(sed -n 5p ${quote(`${o.data}/postmaster.pid`)})
PGPORT=$(sed -n 4p ${quote(`${o.data}/postmaster.pid`)})
export PGHOST PGPORT
stamp=$(date -u +%Y%m%dT%H%M%SZ)
new=$dir/.incomplete-$stamp
mkdir -- "$new"
trap 'rm -rf -- "$new"' EXIT
trap 'exit 143' TERM INT HUP

pg_dumpall --globals-only --file="$new/globals.sql"
for oid in $(psql -XAtqw -d postgres -c 'select oid from pg_database where datallowconn and not datistemplate order by oid'); do
  # By the environment: an option's value with = in it would be read as connection parameters.
  PGDATABASE=$(psql -XAtqw -d postgres -c "select datname from pg_database where oid = $oid")
  export PGDATABASE
  case $PGDATABASE in
    '' | .* | *[!A-Za-z0-9_.-]*) name=oid-$oid ;;
    *) name=$PGDATABASE ;;
  esac
  pg_dump --format=custom --file="$new/$name.dump"
  pg_restore --list "$new/$name.dump" >/dev/null
done
unset PGDATABASE
( cd "$new" && sha256sum -- * >.sums && mv -- .sums SHA256SUMS )
sync -- "$new"/* "$new"
mv -T -- "$new" "$dir/$stamp"
trap - EXIT
echo "dumped to $dir/$stamp: $(du -sh -- "$dir/$stamp" | cut -f1)"

# Names say the age, and only names like ours are touched. The dump just made is never among them.
oldest=$(date -u -d '-${o.days} days' +%Y%m%dT%H%M%SZ)
for old in "$dir"/[0-9]*T[0-9]*Z "$dir"/.incomplete-*; do
  [ -d "$old" ] && [ ! -L "$old" ] || continue
  name=\${old##*/}
  name=\${name#.incomplete-}
  case $name in [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z) ;; *) continue ;; esac
  expr "$name" '<' "$oldest" >/dev/null || continue
  rm -rf -- "$old"
  echo "deleted $old: older than ${o.days} days"
done
`
