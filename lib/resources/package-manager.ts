import { TaskError } from '../errors.ts'
import { ask, offerArg, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { SKIP_DEAD } from '../facts/offer.ts'
import { quoteAll } from '../shell/quote.ts'

/** A package manager: how to ask it, and the shell text that it takes. */
export interface PackageManager {
  readonly ask: (name: string) => Query<'deb'> | Query<'rpm'>
  /** What do the repositories offer, if no version is installed that matches? */
  readonly askOffer: (name: string, version?: string) => Query<'debOffer'> | Query<'rpmOffer'>
  /** Its own name, for messages. */
  readonly name: 'apt' | 'dnf'
  /** A command that fetches the lists again. */
  readonly refresh: string
  /** How the manager's command line writes a package with a version, or a pattern of versions. */
  readonly spec: (name: string, version: string) => string
  /** Does the installed version match? */
  readonly matches: (installed: string, version: string) => boolean
  /**
   * Shell text that installs the packages. It waits for the manager's lock, and in the end names the process that holds it. A
   * repository that cannot be reached does not stop what the others have; the output then says which one it is.
   */
  readonly install: (specs: readonly string[]) => string
  /** The repositories that an installation could not reach, by its output; undefined: it reached all that it asked. */
  readonly unreached: (output: string) => string | undefined
  /** Why an installation has failed, where its output has other errors before. */
  readonly cause?: (output: string) => string | undefined
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

/** DPkg::Lock::Timeout: apt.conf(5). --force-confold keeps changed configuration files. */
const APT_OPTIONS = `-q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef`

/**
 * Shell text that finishes what dpkg was doing when it was interrupted; a lost connection ends dpkg, too. apt refuses to work
 * while dpkg's journal has entries ("dpkg was interrupted, you must manually run 'dpkg --configure -a'"). It takes a package
 * that was being unpacked (half-installed, reinstreq: dpkg(1)) for installed, so that has to be asked for by name. What
 * cannot be mended here fails in the installation, with its own error.
 */
const RECOVER = `case $(ls /var/lib/dpkg/updates 2>/dev/null) in *[0-9]*) dpkg --force-confold --force-confdef --configure -a >/dev/null </dev/null || : ;; esac
half=$(dpkg-query -W -f '\${db:Status-Eflag} \${Package}\\n' 2>/dev/null | grep -E '^reinstreq [a-z0-9][a-z0-9+.-]*$' | cut -d' ' -f2) || :
[ -z "$half" ] || apt-get ${APT_OPTIONS} install --reinstall -- $half >/dev/null || :`

const APT_ENV = `${waitFor('apt', '/var/lib/dpkg/lock-frontend')}
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
${RECOVER}`
const DNF_LOCK = waitFor('rpm', '/var/lib/rpm/.rpm.lock')

/** Begins a line of the installation's output. */
const NOT_FETCHED = 'not fetched: '
/** What the lines say that a pattern finds, each once. */
const listed = (output: string, pattern: RegExp, before: string): string | undefined => {
  const found = [...new Set([...output.matchAll(pattern)].map(([, text = '']) => text.trim()))]
  return found.length === 0 ? undefined : before + found.join('; ')
}

const MANAGERS: Readonly<Record<string, PackageManager>> = {
  debian: {
    name: 'apt',
    refresh: 'apt-get update',
    ask: name => ask('deb', name),
    askOffer: (name, version) => ask('debOffer', offerArg(name, version)),
    spec: (name, version) => `${name}=${version}`,
    matches: (installed, version) => glob(version, installed),
    install: specs => `${APT_ENV}
apt='apt-get ${APT_OPTIONS} install --no-install-recommends --allow-downgrades --'
$apt ${quoteAll(specs)} 2>/dev/null || {
  lost=$(apt-get -q -o Acquire::Retries=2 update 2>&1 >/dev/null | grep -E '^E: |^W: Failed to fetch ') || :
  rc=0
  $apt ${quoteAll(specs)} || rc=$?
  [ -z "$lost" ] || printf '%s\\n' "$lost" | sed 's/^/${NOT_FETCHED}/' >&2
  [ $rc = 0 ] || exit $rc
}`,
    unreached: output =>
      listed(
        output,
        new RegExp(`^${NOT_FETCHED}[EW]: (.*)$`, 'gm'),
        'apt could not fetch all lists: ',
      ),
    // --no-act: dpkg(1) says what it would do, and fails for a package that others or the system need.
    canGo: names => `dpkg --no-act --remove -- ${quoteAll(names)} >/dev/null`,
    remove: names => `${APT_ENV}
apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o APT::Get::AutomaticRemove=false remove -- ${quoteAll(names)} >/dev/null`,
  },
  el: {
    name: 'dnf',
    refresh: 'dnf makecache',
    ask: name => ask('rpm', name),
    askOffer: (name, version) => ask('rpmOffer', offerArg(name, version)),
    spec: (name, version) => `${name}-${version}`,
    // Like dnf, which takes NAME-VERSION and NAME-VERSION-RELEASE (dnf(8), "Specifying packages").
    matches: (installed, version) =>
      glob(version, installed) || glob(version, installed.replace(/-[^-]*$/, '')),
    install: specs => `${DNF_LOCK}
dnf -y --setopt=install_weak_deps=False ${SKIP_DEAD} install -- ${quoteAll(specs)}`,
    cause: output => [...output.matchAll(/^Error: .*$/gm)].at(-1)?.[0],
    unreached: output =>
      listed(output, /^Ignoring repositories: (.*)$/gm, 'dnf could not reach the repository '),
    canGo: names =>
      `set --; for p in ${quoteAll(names)}; do if rpm -q -- "$p" >/dev/null; then set -- "$@" "$p"; fi; done; [ $# = 0 ] || rpm -e --test -- "$@"`,
    remove: names => `${DNF_LOCK}
dnf -q -y --noautoremove remove -- ${quoteAll(names)}`,
  },
}

/** The package manager of an operating system. Throws TaskError when it has none. */
export const managerOf = (os: Os): PackageManager => {
  const manager = MANAGERS[os.family]
  if (!manager)
    throw new TaskError(`packages are not supported on ${os.name}: it has no package manager`, {
      hint: 'install the program with artifact(), or decide by host.os in the role',
    })
  return manager
}
