import { TaskError } from '../errors.ts'
import { ask, type Facts, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { quoteAll } from '../shell/quote.ts'
import { expect, resource, type Common, type Needs, type Result } from './resource.ts'
import type { FactAfter, PlannedChange } from './scope.ts'

interface PackageManager {
  readonly ask: (name: string) => Query<'deb'> | Query<'rpm'>
  /** How the manager's command line writes a package with a version, or a pattern of versions. */
  readonly spec: (name: string, version: string) => string
  /** Does the installed version match? */
  readonly matches: (installed: string, version: string) => boolean
  /** Shell text that installs the packages. It waits for the manager's lock, and in the end names the process that holds it. */
  readonly install: (specs: readonly string[]) => string
  /** Read-only shell text that fails, with the reason on stderr, if others need one of the packages that are installed. */
  readonly canGo: (names: readonly string[]) => string
  /** Shell text that removes the packages, and nothing else. */
  readonly remove: (names: readonly string[]) => string
}

/** How long fmc waits for another process that holds the lock. */
const LOCK_SECONDS = 120

/**
 * Shell text that waits until the lock is free, and fails naming its holder. Package managers use POSIX locks, which flock(1)
 * does not see. /proc/locks lists them by inode: TYPE ADVISORY WRITE PID DEV:INODE (proc(5)). A file on another file system
 * may have the same inode, so the script also checks that the process has the lock file open.
 */
const waitFor = (manager: string, lock: string): string => `n=0
while i=$(stat -c %i -- ${lock} 2>/dev/null) && p=$(grep -E "WRITE [0-9]+ [^ ]*:$i " /proc/locks | sed 's/^.*WRITE *//; s/ .*//' | head -n 1) && [ -n "$p" ] && ls -l "/proc/$p/fd" 2>/dev/null | grep -q -- '-> ${lock}$'; do
  n=$((n + 1))
  [ $n -le ${LOCK_SECONDS} ] || { echo "${manager} has been locked for ${LOCK_SECONDS} s by pid $p: $(tr '\\0' ' ' <"/proc/$p/cmdline")" >&2; exit 75; }
  sleep 1
done`

/** Does the text match a pattern of apt or dnf, in which * and ? are wildcards? */
const glob = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[^\w*?]/g, c => `\\${c}`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text)

const APT_ENV = `${waitFor('apt', '/var/lib/dpkg/lock-frontend')}
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1`
const DNF_LOCK = waitFor('rpm', '/var/lib/rpm/.rpm.lock')

const MANAGERS: Readonly<Record<string, PackageManager>> = {
  debian: {
    ask: name => ask('deb', name),
    spec: (name, version) => `${name}=${version}`,
    matches: (installed, version) => glob(version, installed),
    // DPkg::Lock::Timeout: apt.conf(5). --force-confold keeps changed configuration files.
    install: specs => `${APT_ENV}
apt='apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install --no-install-recommends --allow-downgrades --'
$apt ${quoteAll(specs)} 2>/dev/null || { apt-get -q -o Acquire::Retries=2 update >/dev/null && $apt ${quoteAll(specs)}; }`,
    // --no-act: dpkg(1) says what it would do, and fails for a package that others or the system need.
    canGo: names => `dpkg --no-act --remove -- ${quoteAll(names)} >/dev/null`,
    remove: names => `${APT_ENV}
apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o APT::Get::AutomaticRemove=false remove -- ${quoteAll(names)} >/dev/null`,
  },
  el: {
    ask: name => ask('rpm', name),
    spec: (name, version) => `${name}-${version}`,
    // Like dnf, which takes NAME-VERSION and NAME-VERSION-RELEASE (dnf(8), "Specifying packages").
    matches: (installed, version) =>
      glob(version, installed) || glob(version, installed.replace(/-[^-]*$/, '')),
    install: specs => `${DNF_LOCK}
dnf -y --setopt=install_weak_deps=False install -- ${quoteAll(specs)}`,
    canGo: names =>
      `set --; for p in ${quoteAll(names)}; do if rpm -q -- "$p" >/dev/null; then set -- "$@" "$p"; fi; done; [ $# = 0 ] || rpm -e --test -- "$@"`,
    remove: names => `${DNF_LOCK}
dnf -q -y --noautoremove remove -- ${quoteAll(names)}`,
  },
}

const managerOf = (os: Os): PackageManager => {
  const manager = MANAGERS[os.family]
  if (!manager)
    throw new TaskError(`packages are not supported on ${os.name}: it has no package manager`, {
      hint: 'install the program with artifact(), or decide by host.os in the role',
    })
  return manager
}

/** What is wanted of one package: 'present' in any version, 'absent', or a version. */
interface Wanted {
  readonly name: string
  readonly version: string
}

interface Packages extends Common {
  readonly wanted: readonly Wanted[]
}

/** Its title in the report. */
const shown = ({ name, version }: Wanted): string =>
  version === 'present' ? name : `${name}=${version}`

const going = (o: Packages): string[] =>
  o.wanted.filter(w => w.version === 'absent').map(w => w.name)

const define = resource({
  name: (o: Packages) => `packages ${o.wanted.map(shown).join(' ')}`,
  opaque: true,
  check(o) {
    const seen = new Set<string>()
    for (const { name, version } of o.wanted) {
      // apt-get install NAME- and NAME=VERSION- remove the package (apt-get(8)), also behind --.
      expect(
        /^[A-Za-z0-9][\w.+-]*$/.test(name) && !name.endsWith('-'),
        `${JSON.stringify(name)} is not a package name`,
      )
      expect(
        /^[\w.+:~^*?-]+$/.test(version) && !/^-|-$/.test(version),
        `${JSON.stringify(version)} is not a version of ${name}: expected such as 1.22.1-9 or 1.22*`,
      )
      expect(!seen.has(name), `the package ${name} is named twice`)
      seen.add(name)
    }
  },
  needs: (o, os): Needs => ({
    ...Object.fromEntries(o.wanted.map(({ name }) => [name, managerOf(os).ask(name)])),
    ...(going(o).length === 0
      ? {}
      : {
          '/canGo': ask('command', managerOf(os).canGo(going(o)), {
            code: 0,
            stdout: '',
            stderr: '',
          }),
        }),
  }),
  plan(o, now, { os, doubt }) {
    const manager = managerOf(os)
    const installed = (name: string): string | null => now[name] as string | null
    const changes: PlannedChange[] = []
    const left = (name: string, version: string | null): FactAfter =>
      [manager.ask(name), version] as never
    const gone = going(o).filter(name => installed(name) !== null)
    if (gone.length > 0) {
      const { code, stderr } = now['/canGo'] as unknown as Facts['command']
      // In doubt an earlier task may remove what needs it; the script asks again.
      expect(code === 0 || doubt, `${gone.join(' ')} cannot be removed: ${stderr.trim()}`)
      changes.push({
        what: `remove ${gone.join(' ')}`,
        script: `${manager.canGo(gone)}\n${manager.remove(gone)}`,
        factsAfter: gone.map(name => left(name, null)),
        timeoutMs: 30 * 60_000,
      })
    }
    const fits = ({ name, version }: Wanted): boolean => {
      const has = installed(name)
      if (version === 'absent') return true
      if (has === null || version === 'present') return has !== null
      return has === version || manager.matches(has, version)
    }
    const missing = o.wanted.filter(w => !fits(w))
    if (missing.length > 0)
      changes.push({
        what: `install ${missing
          .map(w => {
            const has = installed(w.name)
            return has === null ? shown(w) : `${w.name} ${has} → ${w.version}`
          })
          .join(' ')}`,
        script: manager.install(
          missing.map(w => (w.version === 'present' ? w.name : manager.spec(w.name, w.version))),
        ),
        factsAfter: missing.map(w => left(w.name, w.version === 'present' ? 'planned' : w.version)),
        timeoutMs: 30 * 60_000,
      })
    return changes
  },
})

/**
 * Package names of the host's distribution: a name ('nginx'), a name with a version ('nginx=1.22.1-9', 'nginx=1.22*'), or an object from names
 * to a version, 'present' or 'absent'.
 *
 * @example
 * const wanted: PackageSpec = { nginx: '1.22*', telnet: 'absent' }
 */
export type PackageSpec = string | Readonly<Record<string, string>>

const wantedOf = (spec: PackageSpec): Wanted[] => {
  if (typeof spec !== 'string')
    return Object.entries(spec).map(([name, version]) => ({ name, version }))
  const [name = '', version = 'present'] = spec.split(/=([^]*)/, 2)
  return [{ name, version }]
}

/**
 * Makes sure that packages are installed, or absent; it installs what is missing in one transaction (apt-get or dnf), and removes
 * in another one before. Without a version it takes any that is installed, and does not upgrade. A version is as the package
 * manager prints it (Debian: with epoch; EL: with or without release); * and ? are wildcards. Another version is replaced, also by an older
 * one. `absent` removes exactly these packages: if others need one, the task fails and names them. Debian keeps configuration
 * files. It waits up to 120 s for a locked package manager; a transaction may take 30 minutes.
 *
 * @param specs - see `PackageSpec`
 * @throws TaskError for an invalid name or version, on an operating system without package manager (Flatcar), when the package
 * manager stays locked (the error names the process), when another package needs one that has to go, and when the installation fails.
 *
 * @example
 * await packages('haproxy', 'keepalived')
 * await packages('postgresql-15=15.*', { nginx: '1.22.1-9', telnet: 'absent' })
 */
export const packages = (...specs: readonly PackageSpec[]): Promise<Result> =>
  specs.length === 0
    ? Promise.resolve({ changed: false })
    : define({ wanted: specs.flatMap(wantedOf) })
