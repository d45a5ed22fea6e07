import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FmcError } from '../../errors.ts'

/**
 * Roots of the hierarchies that systemd uses: cgroup2 and, on hybrid systems, name=systemd. Every machine has a group of
 * its own there: machines in one group would see each other's services, and the group finds all processes of a machine,
 * even those that have lost their parents.
 */
const systemd = / - cgroup2 | - cgroup \S+ \S*name=systemd/
/** These, and on systems with cgroup v1 every controller's. */
const everything = / - cgroup2? /

const roots = (which: RegExp): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => which.test(line))
    .map(line => line.split(' ')[4] ?? '')
    .filter(path => path !== '')

const groupDirs = (key: string, machine?: string, which = everything): string[] =>
  roots(which).map(root => join(root, `fmc-lab-${key}`, machine ?? ''))

/**
 * Makes a machine's groups; with `controllers`, it can limit what its processes use. Returns the files to which a process writes its
 * id to enter them.
 */
export const makeGroups = (key: string, machine: string, controllers = false): string[] =>
  groupDirs(key, machine, controllers ? everything : systemd).map(dir => {
    mkdirSync(dir, { recursive: true })
    if (controllers) passOn(dir)
    return join(dir, 'cgroup.procs')
  })

/** cgroup2 gives a group the controllers that all groups above it pass on; v1's cpuset takes no process before it has processors (cgroups(7), cpuset(7)). */
const passOn = (dir: string): void => {
  for (const group of [join(dir, '..', '..'), join(dir, '..')]) {
    const control = join(group, 'cgroup.subtree_control')
    if (!existsSync(control)) continue
    const all = readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' ')
    const wanted = all.filter(name => CONTROLLERS.includes(name)).map(name => `+${name}`)
    writeFileSync(control, wanted.join(' '))
  }
  if (!existsSync(join(dir, 'cpuset.cpus')) || existsSync(join(dir, 'cgroup.controllers'))) return
  for (const group of [join(dir, '..'), dir])
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      writeFileSync(join(group, file), readFileSync(join(group, '..', file)))
  writeFileSync(join(dir, 'cgroup.clone_children'), '1')
}

/** What kubelet limits. */
const CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids', 'hugetlb']

const walk = (dir: string): string[] => {
  if (!existsSync(dir)) return []
  const below = readdirSync(dir, { withFileTypes: true }).filter(entry => entry.isDirectory())
  return [...below.flatMap(entry => walk(join(dir, entry.name))), dir]
}

/** Process ids of a machine, or of the whole lab. */
export const groupPids = (key: string, machine?: string): number[] => {
  const pids = new Set<number>()
  for (const dir of groupDirs(key, machine).flatMap(walk)) {
    try {
      for (const line of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n'))
        if (Number(line) > 0) pids.add(Number(line))
    } catch {
      // The group was removed while it was read.
    }
  }
  return [...pids]
}

/** Time enough for a hundred machines on a busy computer. */
const END_SECONDS = 60

/** Ends all processes of a machine (or of the lab) at once and removes the groups. Throws when one does not end. */
export const endGroups = async (key: string, machine?: string): Promise<void> => {
  const end = Date.now() + END_SECONDS * 1000
  while (!removeGroups(key, machine)) {
    const pids = groupPids(key, machine)
    if (Date.now() > end)
      throw new FmcError(
        `the lab's processes do not end: ${pids.join(', ') || 'their control groups are busy'}`,
      )
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

/** Returns true when nothing is left; a group can stay busy for a moment after its last process has ended. */
const removeGroups = (key: string, machine?: string): boolean => {
  let clean = true
  for (const dir of groupDirs(key, machine).flatMap(walk)) {
    try {
      rmdirSync(dir)
    } catch {
      clean = false
    }
  }
  return clean
}

/** When a process started, in clock ticks since boot; undefined when there is none. */
export const startTime = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
