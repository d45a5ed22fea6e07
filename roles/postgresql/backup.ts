import {
  directory,
  file,
  inventory,
  mount,
  packages,
  quote,
  service,
  unit,
} from '../../lib/index.ts'
import { nfsSource } from './addresses.ts'
import type { Platform } from './platform.ts'
import { backupService, backupTimer } from './templates.ts'
import type { Vars } from './vars.ts'

const SCRIPT = '/usr/local/libexec/fmc-postgresql-backup'

/** The dump script, its timer, and the directory or share where the dumps are kept. */
export async function nightlyDumps(platform: Platform, vars: Vars): Promise<void> {
  const { postgresql_backup_nfs: nfs, postgresql_backup_dir: dir } = vars
  if (nfs) {
    await packages(...platform.nfsPackages)
    await mount(dir, {
      source: nfsSource(nfs.source, inventory()),
      type: 'nfs',
      options: nfs.options,
    })
  } else await directory(dir, { owner: 'postgres:postgres', mode: '0700' })
  await file(SCRIPT, {
    content: backupScript({
      bin: platform.bin,
      data: platform.data,
      dir,
      mounted: nfs !== null,
      days: vars.postgresql_backup_retention_days,
    }),
    mode: '0755',
    validate: candidate => `sh -n ${candidate}`,
  })
  await unit('fmc-postgresql-backup.service', { content: backupService(SCRIPT, dir) })
  await unit('fmc-postgresql-backup.timer', {
    content: backupTimer(vars.postgresql_backup_schedule, inventory().timezone),
    notify: 'restart the backup timer',
  })
  await service('fmc-postgresql-backup.timer')
}

interface Backup {
  /** Directory of pg_dump, pg_dumpall, pg_restore and psql. */
  readonly bin: string
  /** Data directory, whose postmaster.pid names the server's socket and port. */
  readonly data: string
  /** Where the dumps are kept. */
  readonly dir: string
  /** `dir` is a mount point: nothing is written while nothing is mounted there. */
  readonly mounted: boolean
  /** Older dumps are deleted. */
  readonly days: number
}

/**
 * The dump script. A timer runs it as postgres; it needs no lock because systemd never starts a unit twice. A dump is
 * a directory DIR/YYYYMMDDTHHMMSSZ with globals.sql (roles and their verifiers), one pg_dump -Fc file per database and
 * SHA256SUMS. It appears complete or not at all.
 */
const backupScript = (o: Backup): string => `#!/bin/sh
# Managed by fmc. Changes made here are undone by its next run.
set -eu
umask 077
export LC_ALL=C PATH=${quote(o.bin)}:/usr/bin:/bin
dir=${quote(o.dir)}
cd "$dir"
${o.mounted ? `mountpoint -q -- "$dir" || { echo "$dir is not mounted: no dump is written" >&2; exit 75; }` : '# a local directory: no mount is needed'}
# Nothing of the environment decides which server is asked, or how.
for v in $(env | sed -n 's/^\\(PG[A-Z]*\\)=.*/\\1/p'); do unset "$v"; done
PGUSER=postgres
PGHOST=$(sed -n 5p ${quote(`${o.data}/postmaster.pid`)})
PGPORT=$(sed -n 4p ${quote(`${o.data}/postmaster.pid`)})
export PGUSER PGHOST PGPORT
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
