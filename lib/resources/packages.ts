import { TaskError } from '../errors.ts'
import { ask, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { quoteAll } from '../shell/quote.ts'
import { expect, resource, type Common, type Needs, type Result } from './resource.ts'

interface PackageManager {
  readonly ask: (name: string) => Query<'deb'> | Query<'rpm'>
  /** Shell text that installs the packages. It waits for the manager's lock, and in the end names the process that holds it. */
  readonly install: (names: readonly string[]) => string
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

const MANAGERS: Readonly<Record<string, PackageManager>> = {
  debian: {
    ask: name => ask('deb', name),
    // DPkg::Lock::Timeout: apt.conf(5). --force-confold keeps changed configuration files.
    install: names => `${waitFor('apt', '/var/lib/dpkg/lock-frontend')}
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
apt='apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install --no-install-recommends --'
$apt ${quoteAll(names)} 2>/dev/null || { apt-get -q -o Acquire::Retries=2 update >/dev/null && $apt ${quoteAll(names)}; }`,
  },
  el: {
    ask: name => ask('rpm', name),
    install: names => `${waitFor('rpm', '/var/lib/rpm/.rpm.lock')}
dnf -y --setopt=install_weak_deps=False install -- ${quoteAll(names)}`,
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

const define = resource({
  name: (o: Common & { readonly names: readonly string[] }) => `packages ${o.names.join(' ')}`,
  opaque: true,
  check(o) {
    for (const name of o.names)
      expect(/^[A-Za-z0-9][\w.+-]*$/.test(name), `${JSON.stringify(name)} is not a package name`)
  },
  needs: (o, os): Needs => Object.fromEntries(o.names.map(name => [name, managerOf(os).ask(name)])),
  plan(o, now, { os }) {
    const missing = o.names.filter(name => now[name] === null)
    if (missing.length === 0) return []
    const { ask: query, install } = managerOf(os)
    return [
      {
        what: `install ${missing.join(' ')}`,
        script: install(missing),
        factsAfter: missing.map(name => [query(name), 'planned'] as never),
        timeoutMs: 30 * 60_000,
      },
    ]
  },
})

/**
 * Makes sure that packages are installed; installs the missing ones in one transaction (apt-get or dnf). It does not upgrade
 * installed packages and does not choose versions. It waits up to 120 s for a locked package manager; the installation may
 * take 30 minutes.
 *
 * @param names - package names of the host's distribution
 * @throws TaskError for an invalid name, on an operating system without package manager (Flatcar), when the package manager
 * stays locked (the error names the process), and when the installation fails.
 *
 * @example
 * await packages('haproxy', 'keepalived')
 */
export const packages = (...names: readonly string[]): Promise<Result> => define({ names })
