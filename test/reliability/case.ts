import { setTimeout as sleep } from 'node:timers/promises'
import { numberOf, type Cell, type Fault } from './cells.ts'
import { injectionOf, type Means } from './faults-of.ts'
import type { LightHost } from './light-host.ts'
import { asRecorded, exact, oldOrNew, silent, sound } from './oracle.ts'
import { cacheFor, start, stopAll, type Place, type Recorded } from './record.ts'
import { perform, type Ran } from './runs.ts'
import type { Runner } from './runner.ts'
import { treeOf } from './trees.ts'
import type { Wire } from './wire.ts'

export interface Verdict {
  readonly id: string
  readonly fault: Fault
  readonly violations: readonly string[]
  /** The moment came. */
  readonly hit: boolean
  readonly ms: number
}

/** A run that takes longer hangs: fmc's own limits, as the cases shorten them, add up to half of it. */
const LIMIT_MS = 120_000
/** What a killed run has left running on the host ends within this time. */
const SETTLE_MS = 60_000

/** How a faulted run ended. */
interface Faulted {
  /** undefined: its process was killed. */
  readonly ran: Ran | undefined
  readonly wires: ReadonlyMap<string, Wire>
  readonly hit: boolean
  readonly violations: readonly string[]
}

/** Plays one case: the faults one after another, each in a run of its own, and then the question what came of it. */
export async function play(
  place: Place,
  recorded: Recorded,
  cells: readonly Cell[],
  runner: () => Promise<Runner>,
): Promise<Verdict> {
  const began = performance.now()
  const { workload } = recorded
  const hosts = await start(place, workload, recorded.layers)
  const cache = cacheFor(place, 'case')
  const violations: string[] = []
  let hit = false
  try {
    if (workload.units) for (const host of hosts.values()) await host.boot([])
    for (const cell of cells) {
      const faulted = await underFault(place, recorded, cell, hosts, cache, runner)
      hit ||= faulted.hit
      violations.push(
        ...faulted.violations,
        ...(await afterwards(place, recorded, cell, hosts, faulted)),
      )
    }
    violations.push(...(await heal(place, recorded, cells, hosts, cache)))
  } finally {
    await stopAll(hosts)
  }
  return {
    id: cells.map(c => c.id).join('+'),
    fault: cells[0]!.fault,
    violations,
    hit,
    ms: Math.round(performance.now() - began),
  }
}

async function underFault(
  place: Place,
  recorded: Recorded,
  cell: Cell,
  hosts: ReadonlyMap<string, LightHost>,
  cache: string,
  runner: () => Promise<Runner>,
): Promise<Faulted> {
  const version =
    cell.fault === 'content refused'
      ? 'refused'
      : cell.fault === 'role not idempotent'
        ? 'unsettled'
        : 'new'
  const plays = recorded.workload.plays(version)
  if (cell.fault === 'runner killed') {
    const { died } = await (
      await runner()
    ).play({
      cell,
      hosts: [...hosts.values()].map(h => ({ name: h.name, pid: h.pid, layers: h.layers })),
      cache,
    })
    return { ran: undefined, wires: new Map(), hit: died, violations: [] }
  }
  const violations: string[] = []
  const means: Means = {
    stop: new AbortController(),
    kill: new AbortController(),
    die: () => undefined,
    second: async () =>
      void violations.push(...(await secondRun(place, recorded, hosts, cache, cell))),
    edit: () => edit(recorded, cell, hosts),
  }
  let wires: ReadonlyMap<string, Wire> = new Map()
  const run = perform(place.inventory, hosts, plays, {
    cache,
    injections: { [cell.host]: injectionOf(cell, means) },
    stop: means.stop.signal,
    kill: means.kill.signal,
    begun: w => (wires = w),
  })
  const ran = await Promise.race([run, sleep(LIMIT_MS, undefined, { ref: false })])
  if (!ran) {
    violations.push(`the run did not end within ${LIMIT_MS / 1000} s`)
    for (const wire of wires.values()) for (const link of wire.links) link.break()
    await Promise.race([run, sleep(5000, undefined, { ref: false })])
  }
  return { ran, wires, hit: (wires.get(cell.host)?.hits.length ?? 0) > 0, violations }
}

/** The script that comes with the connection takes the lock. */
const beforeLock = ({ command, when }: Cell['at']): boolean =>
  command === 0 && typeof when === 'number'

/** A second run at the same time: it must be refused, and say by whom. */
async function secondRun(
  place: Place,
  recorded: Recorded,
  hosts: ReadonlyMap<string, LightHost>,
  cache: string,
  { host, at }: Cell,
): Promise<string[]> {
  const name = recorded.workload.plays('new')[0]?.name
  const second = await perform(place.inventory, hosts, recorded.workload.plays('new'), {
    cache: `${cache}-second`,
  })
  // While the first run is still writing its name into the lock, the host knows only the process.
  const refused = second.failures.some(f =>
    /another fmc run holds the lock of this host: .*pid \d+|the lock of this host, \S+, is held by process \d+ of root/.test(
      f,
    ),
  )
  // Before the first run has the lock, the second may take it, and is over when the first goes on.
  return beforeLock(at)
    ? []
    : second.code === 2 && refused && second.changed.length === 0
      ? []
      : [
          `a second run of ${name} beside the first on ${host}: exit code ${second.code}, [${second.changed.join(', ')}], ${second.failures.join('; ')}`,
        ]
}

/** What somebody does by hand to a declared file: shell text for `$f`. */
export const EDITS: readonly string[] = [
  'echo edited >>"$f"',
  ': >"$f"',
  'chmod 0666 "$f"',
  'chown svc:svc "$f"',
  'rm -f "$f"',
  'sed -i "s/$/\\r/" "$f"',
  'printf "no newline" >"$f"',
  'cp "$f" /tmp/copy && mv /tmp/copy "$f"',
  'rm -f "$f" && ln -s /etc/hostname "$f"',
  'rm -f "$f" && mkdir "$f"',
]

/** Files that the new version declares whole. */
export const declaredFiles = (r: Recorded, host: string): string[] =>
  [...r.declared.get(host)!]
    .filter(p => r.changed.some(c => c === `${host} file ${p}` || c === `${host} send ${p}`))
    .toSorted()

async function edit(
  recorded: Recorded,
  cell: Cell,
  hosts: ReadonlyMap<string, LightHost>,
): Promise<void> {
  const n = numberOf(cell.id)
  const paths = declaredFiles(recorded, cell.host)
  const path = paths[n % paths.length]
  if (path !== undefined)
    await hosts.get(cell.host)?.sh(`f=${path}; ${EDITS[Math.floor(n / 64) % EDITS.length]}`)
}

const LOSES: readonly Fault[] = [
  'connection reset',
  'acknowledgement lost',
  'host crashed',
  'power cut',
  'shell killed',
  'connection dark',
  'answer cut',
]

/** Looks at the hosts right after the faulted run. */
async function afterwards(
  place: Place,
  recorded: Recorded,
  cell: Cell,
  hosts: ReadonlyMap<string, LightHost>,
  faulted: Faulted,
): Promise<string[]> {
  const violations: string[] = []
  const { ran, wires } = faulted
  const wire = wires.get(cell.host)
  let went = false
  if (cell.fault === 'connection dark' && faulted.hit) {
    // The host has not noticed: its shell holds the lock, and the next run says so. A confirmation's connection holds none.
    if (!confirms(recorded, cell) && (hosts.get(cell.host)?.processes().length ?? 0) > 0) {
      const next = await perform(place.inventory, hosts, recorded.workload.plays('new'), {
        cache: cacheFor(place, 'dark'),
      })
      // If the shell has ended just then, the next run makes the change, and confirms it.
      went = next.code === 0
      if (
        next.code === 0
          ? hosts.get(cell.host)!.processes().length > 0
          : !next.failures.some(f => f.includes('holds the lock of this host'))
      )
        violations.push(
          `after a connection that only fmc has lost: exit code ${next.code}, ${next.failures.join('; ')}`,
        )
    }
    for (const w of wires.values()) for (const link of w.links) link.clear()
  }
  violations.push(...(await quiet(hosts)))
  const crashed = cell.fault === 'host crashed' || cell.fault === 'power cut'
  if (crashed && faulted.hit)
    await hosts.get(cell.host)?.boot(cell.fault === 'power cut' ? (wire?.unsynced ?? []) : [])
  if (cell.fault !== 'edited meanwhile') violations.push(...oldOrNew(place.base, hosts, recorded))
  if (
    CLEANS_UP.includes(cell.fault) &&
    recorded.workload.name !== 'uploads' &&
    // After it has lost the connection in a guard, fmc itself ends the old shell, over a new one.
    !(recorded.workload.guarded === true && LOSES.includes(cell.fault)) &&
    !/(unlink|rmdir)/.test(wire?.hits.join(' ') ?? '')
  )
    violations.push(...noLeftovers(place, hosts))
  if (recorded.workload.guarded && !went)
    violations.push(...(await isGuarded(recorded, cell, hosts, faulted)))
  if (recorded.workload.guarded && numberOf(cell.id) % 2 === 0)
    violations.push(...(await timePasses(hosts)))
  if (ran)
    violations.push(
      ...honest(place, recorded, cell, hosts, faulted, ran),
      ...silent(ran, 'the faulted run'),
    )
  return violations
}

/** Faults after which the script on the host goes on to its end, and tidies up. */
const CLEANS_UP: readonly Fault[] = [
  'disk full once',
  'input/output error',
  'content refused',
  'runner killed',
  'connection reset',
  'acknowledgement lost',
  'second fmc',
  'interrupted once',
  'connection stalls',
]

const noLeftovers = ({ base }: Place, hosts: ReadonlyMap<string, LightHost>): string[] =>
  [...hosts].flatMap(([name, host]) =>
    [...treeOf(base, host.layers).keys()]
      .filter(p => p.endsWith('.fmc-new'))
      .map(p => `left behind on ${name}: ${p}`),
  )

/** While the change is not confirmed, something on the host is there to undo it. */
async function isGuarded(
  recorded: Recorded,
  cell: Cell,
  hosts: ReadonlyMap<string, LightHost>,
  { ran }: Faulted,
): Promise<string[]> {
  const confirmed = ran?.events.some(
    e => e.type === 'task' && e.task.startsWith('confirm ') && e.note?.startsWith('confirmed '),
  )
  if (confirmed || ran?.code === 0 || cell.fault.startsWith('answer') || confirms(recorded, cell))
    return []
  const { stdout } = await hosts
    .get(cell.host)!
    .sh(
      'grep -qs new /etc/net.conf /etc/net.extra || exit 0; cd /var/lib/fmc/guard/net && { [ -e armed ] || [ -e undoing ] || [ -e undone ] || [ -e confirmed ]; } || echo bare',
    )
  return stdout === ''
    ? []
    : ['the new version is there, nobody has confirmed it, and no guard is armed']
}

/** Waits until nothing runs on the hosts any more. */
async function quiet(hosts: ReadonlyMap<string, LightHost>): Promise<string[]> {
  const end = performance.now() + SETTLE_MS
  for (const host of hosts.values())
    while (host.processes().length > 0) {
      if (performance.now() > end) {
        const { stdout } = await host.sh('ps -eo pid,args')
        return [
          `processes are left on ${host.name}: ${stdout.trim().replaceAll('\n', ' | ').slice(0, 600)}`,
        ]
      }
      await sleep(20)
    }
  return []
}

/** The time of a guard runs out: what nobody has confirmed is undone. */
async function timePasses(hosts: ReadonlyMap<string, LightHost>): Promise<string[]> {
  const violations: string[] = []
  for (const host of hosts.values()) {
    const { stdout } = await host.sh(
      'a=; [ ! -e /var/lib/fmc/guard/net/armed ] || [ ! -e /run/standin/active/fmc-guard-net.timer ] || a=armed; systemctl fire >&2; cat /etc/net.conf /etc/net.extra /srv/net.running | tr "\\n" " "; echo "$a"',
    )
    if (stdout.includes('armed') && !stdout.startsWith('net old extra old net old '))
      violations.push(`the guard has not put back what was there: ${stdout.trim()}`)
  }
  return violations
}

/** fmc asks for a confirmation again, over another connection, when its answer was lost. */
const confirms = ({ workload, commands }: Recorded, { host, at }: Cell): boolean =>
  workload.guarded === true &&
  at.command >= (commands.get(host) ?? []).findLastIndex(c => c.kind === 'boot')

/** The report of the faulted run was true. */
function honest(
  place: Place,
  recorded: Recorded,
  cell: Cell,
  hosts: ReadonlyMap<string, LightHost>,
  faulted: Faulted,
  ran: Ran,
): string[] {
  const wire = faulted.wires.get(cell.host)
  const command = recorded.commands.get(cell.host)?.[cell.at.command]
  const violations: string[] = []
  if (ran.code === 0 && cell.fault !== 'edited meanwhile' && !(recorded.workload.guarded === true))
    violations.push(...asRecorded(place.base, hosts, recorded, 'exit code 0'))
  if (!faulted.hit || !command) return violations
  // What happens right after a command was sent may happen after its answer.
  const lost = LOSES.includes(cell.fault) && command.pass === 'apply' && cell.at.when !== 'sent'
  if (
    lost &&
    ran.code !== 0 &&
    recorded.workload.hosts.length === 1 &&
    wire &&
    wire.told > command.told + (confirms(recorded, cell) ? 1 : 0)
  )
    violations.push(
      `${wire.told} tasks are told as done, although the answer to the command after ${command.told} was lost`,
    )
  if (lost && ran.code === 0 && cell.at.when === 'acked' && !confirms(recorded, cell))
    violations.push('exit code 0, although an acknowledgement was lost')
  if (
    cell.fault.startsWith('interrupted') &&
    ran.code !== 130 &&
    command.pass !== 'verify' &&
    cell.at.command < (recorded.commands.get(cell.host)?.length ?? 0) - 1
  )
    violations.push(`exit code ${ran.code} after Ctrl-C`)
  if (
    cell.fault === 'content refused' &&
    (ran.code !== 2 || !ran.failures.some(f => f.includes('validation failed')))
  )
    violations.push(`exit code ${ran.code} although a check failed`)
  if (cell.fault === 'role not idempotent' && ran.code !== 2)
    violations.push(`exit code ${ran.code} for a role that is not idempotent`)
  if ((cell.fault === 'second fmc' || cell.fault === 'connection stalls') && ran.code !== 0)
    violations.push(`the run fails: ${ran.failures.join('; ')}`)
  return violations
}

/** Somebody put something in the way that no declaration may remove; the run has said so. */
const IN_THE_WAY = /: (?:file|send) (\S+)?.*? is a (?:link|directory), not a file/

const treesOf = ({ base }: Place, hosts: ReadonlyMap<string, LightHost>): string =>
  JSON.stringify([...hosts.values()].map(h => [...treeOf(base, h.layers)]))

/** The dry run, one rerun, and the run after it. */
async function heal(
  place: Place,
  recorded: Recorded,
  cells: readonly Cell[],
  hosts: ReadonlyMap<string, LightHost>,
  cache: string,
): Promise<string[]> {
  const plays = recorded.workload.plays('new')
  // Each run begins at once: the host may still be ending the shell of the run before.
  const again = (dryRun: boolean): Promise<Ran> =>
    perform(place.inventory, hosts, plays, { cache, dryRun })
  const before = treesOf(place, hosts)
  let dry = await again(true)
  const after = treesOf(place, hosts)
  const wrote = before === after ? [] : ['the dry run has written on a host']
  if (
    cells.some(c => c.fault === 'edited meanwhile') &&
    dry.failures.some(f => IN_THE_WAY.test(f))
  ) {
    for (const [name, host] of hosts)
      for (const path of declaredFiles(recorded, name))
        await host.sh(`[ ! -L ${path} ] && [ ! -d ${path} ] || rm -rf ${path}`)
    dry = await again(true)
  }
  const ran = await again(false)
  const next = await again(false)
  return [
    ...(await quiet(hosts)),
    ...wrote,
    ...sound(ran, 'the rerun'),
    ...exact(dry, ran),
    ...sound(next, 'the run after the rerun'),
    ...(next.changed.length === 0
      ? []
      : [`the run after the rerun still changes ${next.changed.join(', ')}`]),
    ...asRecorded(place.base, hosts, recorded, 'in the end'),
    ...[dry, ran, next].flatMap(r => silent(r, 'a later run')),
  ]
}
