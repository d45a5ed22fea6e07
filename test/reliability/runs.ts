import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../lib/engine/events.ts'
import { checkVars, select } from '../../lib/engine/define/select.ts'
import { run } from '../../lib/engine/run.ts'
import { playbook, type Play } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import type { Base } from './base.ts'
import type { LightHost } from './light-host.ts'
import { Wire, type Injection } from './wire.ts'
import { SECRET } from './workloads/secret.ts'

export interface Ran {
  readonly code: number
  readonly events: readonly Event[]
  /** `host task` of every task with status changed. */
  readonly changed: readonly string[]
  /** `host: message` of everything that failed. */
  readonly failures: readonly string[]
  readonly recap: Extract<Event, { type: 'recap' }>
  readonly wires: ReadonlyMap<string, Wire>
}

export interface RunOptions {
  readonly dryRun?: boolean
  /** The controller's memory of earlier runs. */
  readonly cache: string
  readonly recording?: boolean
  /** Faults by host. */
  readonly injections?: Readonly<Record<string, Injection>>
  readonly stop?: AbortSignal
  readonly kill?: AbortSignal
  /** Gets the wires before the run begins. */
  readonly begun?: (wires: ReadonlyMap<string, Wire>) => void
}

/** Three equal hosts; most workloads use the first. */
export async function inventoryOf(base: Base): Promise<Inventory> {
  const file = join(base.dir, 'inventory.yaml')
  writeFileSync(
    file,
    `timezone: UTC
domain: faults.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
hosts:
${['a', 'b', 'c'].map((h, i) => `  ${h}: { os: debian 12, nics: [{ network: lan, address: 10.0.0.1${i} }] }\n`).join('')}`,
  )
  return inventoryAt(file)
}

export const inventoryAt = (file: string): Promise<Inventory> => loadInventory(file, {})

/** One run of the engine in this process, on light hosts. */
export async function perform(
  inventory: Inventory,
  hosts: ReadonlyMap<string, LightHost>,
  plays: readonly Play[],
  o: RunOptions,
): Promise<Ran> {
  const stages = select(inventory, playbook('faults', plays), {})
  const events: Event[] = []
  const wires = new Map(
    [...hosts].map(([name, host]) => [
      name,
      new Wire(host, {
        injection: o.injections?.[name],
        ...(o.recording ? { recording: true } : {}),
      }),
    ]),
  )
  o.begun?.(wires)
  mkdirSync(o.cache, { recursive: true })
  const code = await run({
    inventory,
    stages,
    vars: checkVars(stages, () => ''),
    dryRun: o.dryRun ?? false,
    readOnly: false,
    conclude: undefined,
    startAt: undefined,
    confirm: undefined,
    found: new Map(),
    begun: Date.now(),
    keepDir: join(o.cache, 'kept'),
    diff: true,
    forks: 10,
    lab: false,
    pendingIsError: false,
    artifactsDir: undefined,
    secrets: [SECRET],
    stop: o.stop ?? new AbortController().signal,
    kill: o.kill ?? new AbortController().signal,
    term: undefined,
    openSession: async (target, boot, options) => {
      const wire = wires.get(target.name)
      if (!wire) throw new Error(`no light host ${target.name}`)
      return wire.open(target, boot, options)
    },
    targetOf: ({ name }) => ({ name, address: name, port: 22, user: 'root', sudo: false }),
    cacheDir: o.cache,
    inventoryFile: inventory.file,
    command: 'faults',
    emit: event => {
      events.push(event)
      for (const wire of wires.values()) wire.note(event)
    },
  })
  const tasks = events.filter(e => e.type === 'task')
  return {
    code,
    events,
    changed: tasks.filter(e => e.status === 'changed').map(e => `${e.host} ${e.task}`),
    failures: events.flatMap(e =>
      'failure' in e
        ? [
            `${e.host}: ${e.failure.message}${e.failure.output === undefined ? '' : ` | ${e.failure.output.slice(-300)}`}`,
          ]
        : [],
    ),
    recap: events.at(-1) as Ran['recap'],
    wires,
  }
}
