import { TaskError } from '../errors.ts'
import { ask, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { quoteAll } from '../shell/quote.ts'
import { expect, resource, type Common, type Needs, type Result } from './resource.ts'

interface PackageManager {
  readonly ask: (name: string) => Query<'deb'> | Query<'rpm'>
  /** Shell text that installs the packages; waits for the manager's lock and says who holds it. */
  readonly install: (names: readonly string[]) => string
}

/** How long another process may keep the package manager. */
const LOCK_SECONDS = 120

/**
 * Shell text that waits until nobody holds the lock, and gives up naming who does. Package managers take POSIX locks,
 * which flock(1) does not see and /proc/locks does, by the file's inode: TYPE ADVISORY WRITE PID DEV:INODE (proc(5)).
 * Another file system may have that inode too, so the process must have the file open.
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
    // DPkg::Lock::Timeout: apt.conf(5). --force-confold: a changed configuration file stays ours.
    install: names => `${waitFor('apt', '/var/lib/dpkg/lock-frontend')}
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
apt='apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_SECONDS} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install --no-install-recommends --'
$apt ${quoteAll(names)} >/dev/null || { apt-get -q -o Acquire::Retries=2 update >/dev/null && $apt ${quoteAll(names)}; }`,
  },
  el: {
    ask: name => ask('rpm', name),
    install: names => `${waitFor('rpm', '/var/lib/rpm/.rpm.lock')}
dnf -q -y --setopt=install_weak_deps=False install -- ${quoteAll(names)}`,
  },
}

const managerOf = (os: Os): PackageManager => {
  const manager = MANAGERS[os.family]
  if (!manager)
    throw new TaskError(`packages are not supported on ${os.name}: it has no package manager`, {
      hint: 'bring the program with artifact(), or decide by host.os in the role',
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
 * Packages that must be installed; what is missing comes in one transaction (apt-get or dnf).
 * Versions are the distribution's business. Waits 120 s for a locked package manager, then fails and names the holder.
 */
export const packages = (...names: readonly string[]): Promise<Result> => define({ names })
