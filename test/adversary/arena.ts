/** The user who attacks the resources; for the role postgresql it is postgres. */
export const USER = 'mallory'
/** The adversary attacks only while this file exists. */
export const STRIKE = '/run/adversary/strike'
/** Files on the controller that `send` and `artifact` bring. The test sets them. */
export const WORK = process.env['FMC_ADVERSARY_WORK'] ?? '/nonexistent'

export const SECRET = 'CANARY-OF-A-SECRET'
export const VICTIM = 'CANARY-OF-A-VICTIM'

const BASE = '/srv/adversary'
export const VICTIMS = '/srv/victims'

/** Where fmc works: a directory whose ancestors, up to the base, are the adversary's as well. */
export const dirOf = (kind: string): string => `${BASE}/${kind}/home/anc/dir`

export interface Arena {
  readonly kind: string
  readonly user: string
  /** Directories of that user's, outermost first. */
  readonly dirs: readonly string[]
  /** Names that fmc works on there. */
  readonly names: readonly string[]
  /** Directory of the user's → what its victims are made like: a directory of names, or one below another. */
  readonly swaps: Readonly<Record<string, string>>
}

const PATHS: Readonly<Record<string, readonly string[]>> = {
  file: ['replaced', 'secret', 'shared', 'new', 'large', 'lent'],
  access: ['owned', 'kept'],
  directory: ['d', 'r'],
  line: ['lines', 'more', 'own'],
  link: ['link', 'gone'],
  send: ['sent', 'program'],
}

/** The arena of a kind of resource. */
export function arenaOf(kind: string): Arena {
  const dir = dirOf(kind)
  const anc = dir.replace(/\/dir$/, '')
  return {
    kind,
    user: USER,
    dirs: [anc.replace(/\/anc$/, ''), anc, dir],
    names: PATHS[kind] ?? [],
    swaps: { [dir]: '', [anc]: 'dir' },
  }
}

const PG = { conf: '/etc/postgresql', data: '/var/lib/postgresql' } as const
const MAIN = [`${PG.conf}/15/main`, `${PG.data}/15/main`] as const
/** What Debian's packages and the role give to postgres. */
export const PG_DIRS = [
  ...[PG.conf, `${PG.conf}/15`, PG.data, `${PG.data}/15`],
  ...[...MAIN, `${PG.conf}/15/main/conf.d`, `${PG.conf}/tls`],
]
export const PG_CONFIG = `${MAIN[0]}/postgresql.conf`
/** The server keeps its shared memory in /dev/shm. */
export const PG_HOMES = [PG.conf, PG.data, '/dev/shm']

/**
 * The arena for a resource of the role postgresql: its directories that postgres owns, except those that every round makes
 * again, where an attacker cannot wait.
 */
export const postgresArena = (kind: string, owned: readonly string[]): Arena => ({
  kind,
  user: 'postgres',
  dirs: (kind === 'cluster' ? PG_DIRS.slice(0, 4) : PG_DIRS).filter(d => owned.includes(d)),
  names:
    kind === 'cluster'
      ? ['main', 'main.fmc-creating']
      : ['server.pem', 'pg_hba.conf', 'postgresql.conf', 'postgresql.auto.conf', 'fmc.conf'],
  swaps: {
    ...(kind === 'cluster'
      ? {}
      : Object.fromEntries(
          [...MAIN, `${PG.conf}/tls`, `${PG.conf}/15/main/conf.d`].map(d => [d, '']),
        )),
    [`${PG.conf}/15`]: 'main',
    [`${PG.data}/15`]: 'main',
  },
})

const at = (kind: string): string => `${VICTIMS}/${kind}`

/** As the program reads it. */
export const configOf = (a: Arena, seed: number): object => ({
  Go: STRIKE,
  Dirs: a.dirs,
  Names: a.names,
  Swaps: Object.entries(a.swaps).map(([path, below], i) => ({
    Path: path,
    Pool: `${at(a.kind)}/swap${i}${below === '' ? '-dirs' : '-trees'}`,
  })),
  Files: [`${at(a.kind)}/files`, `${at(a.kind)}/bob`],
  VictimDirs: `${at(a.kind)}/dirs`,
  Created: `${at(a.kind)}/created`,
  Canaries: [SECRET, VICTIM],
  Attacks: (process.env['FMC_ADVERSARY_ATTACK'] ?? 'all').split(','),
  Seed: seed,
})

/** Shell text, for root: makes the adversary's targets, and root's files in the adversary's directories. */
export function build(a: Arena): string {
  const v = at(a.kind)
  const files = a.names.flatMap(n => [n, `${n}.fmc-new`])
  const victimDir = (dir: string): string =>
    `mkdir -p ${dir}; for n in ${files.join(' ')}; do echo "${VICTIM} ${dir}/$n" >"${dir}/$n"; chmod 600 "${dir}/$n"; done`
  const pools = Object.values(a.swaps).map(
    (below, i) =>
      `for i in $(seq 40); do d=${v}/swap${i}${below === '' ? '-dirs' : '-trees'}/$i${below === '' ? '' : `/${below}`}; ${victimDir('$d')}; case $((i % 3)) in 0) ;; 1) chmod 700 $d ;; *) chown -R bob:bob $d ;; esac; done`,
  )
  return `set -e; umask 022
id ${a.user} >/dev/null 2>&1 || useradd -r -M ${a.user}
id bob >/dev/null 2>&1 || useradd -r -M bob
mkdir -p ${v}/files ${v}/bob ${v}/dirs ${v}/created ${v}/deputy ${STRIKE.replace(/\/[^/]*$/, '')}
for i in $(seq 400); do echo "${VICTIM} $i" >${v}/files/$i; done; chmod 600 ${v}/files/*
for i in $(seq 60); do echo "${VICTIM} bob $i" >${v}/bob/$i; done; chmod 600 ${v}/bob/*; chown bob:bob ${v}/bob/*
for i in $(seq 40); do ${victimDir(`${v}/dirs/$i`)}; [ $((i % 2)) = 0 ] || chmod 700 ${v}/dirs/$i; done
${victimDir(`${v}/dirs/sticky`)}; chown bob:bob ${v}/dirs/sticky/*; chmod 1777 ${v}/dirs/sticky
${pools.join('\n')}
${a.user === USER ? `install -d -o ${a.user} -g ${a.user} ${a.dirs.join(' ')}; install -o ${a.user} -m 600 /dev/null ${a.dirs.at(-1) ?? ''}/own` : ''}
for d in ${a.dirs.join(' ')}; do rm -rf $d/.dep-* $d/.grab-* $d/.x-*; done
k=0; for d in ${a.dirs.join(' ')}; do for i in $(seq 20); do k=$((k + 1))
echo "${VICTIM} deputy $k" >${v}/deputy/$k; chmod 600 ${v}/deputy/$k; ln ${v}/deputy/$k $d/.dep-f-$i
mkdir -m 700 $d/.dep-d-$i; for n in secret content new file ${a.names.join(' ')}; do echo "${VICTIM} deputy $k" >$d/.dep-d-$i/$n; done; chmod 600 $d/.dep-d-$i/*
if [ $i -le 10 ]; then echo "${VICTIM} lone deputy $k" >$d/.dep-s-$i; chmod 600 $d/.dep-s-$i
mkdir -m 700 $d/.dep-n-$i; echo "${VICTIM} new $k" >$d/.dep-n-$i/new; chmod 600 $d/.dep-n-$i/new; fi
done; done`
}
