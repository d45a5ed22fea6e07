import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { down, up, type LabState } from '../../lib/lab/index.ts'
import { enterHostNetwork } from './host-network.ts'

export const ROOT = join(import.meta.dirname, '../..')

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type TaskEvent = Extract<Event, { type: 'task' }>
export type RecapEvent = Extract<Event, { type: 'recap' }>

/** One run of fmc with --output json. */
export interface FmcRun extends Ran {
  readonly events: readonly Event[]
  readonly tasks: readonly TaskEvent[]
  readonly recap: RecapEvent | undefined
  /** `host role/task` of every task with status changed, sorted. */
  readonly changed: readonly string[]
  /** Everything that failed, for messages. */
  readonly failures: readonly string[]
}

/** The command line of fmc against a lab, which FMC_LAB names, with NDJSON on stdout. */
export const fmcInLab = (inventory: string, ...args: readonly string[]): string[] => [
  ...[process.execPath, join(ROOT, 'lib/bin.js'), ...args],
  ...['-i', inventory, '--lab', '--output', 'json'],
]

/** Runs a process to its end; `input` is its stdin. */
export function run(
  argv: readonly string[],
  o: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // Without tap's loaders: what is tested is what a user runs.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', ...argv], {
      cwd: o.cwd ?? ROOT,
      env: { ...process.env, NO_COLOR: '1', ...o.env },
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (d: Buffer) => out.push(d))
    child.stderr.on('data', (d: Buffer) => err.push(d))
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? (signal === 'SIGKILL' ? 137 : 128),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }),
    )
    child.stdin.on('error', () => undefined).end(o.input ?? '')
  })
}

/** A lab of its own for one test file, taken down at its end. */
export class Rig {
  readonly state: LabState
  readonly name: string
  readonly inventory: string
  constructor(state: LabState, name: string, inventory: string) {
    this.state = state
    this.name = name
    this.inventory = inventory
  }

  /** Boots hosts again that `kill` has switched off. */
  async powerOn(): Promise<void> {
    await up(await loadInventory(this.inventory), {
      name: this.name,
      hosts: this.state.hosts.map(h => h.name),
      log: () => undefined,
    })
  }

  /** fmc as a user calls it, against this lab, with NDJSON read back. */
  async fmc(...args: readonly string[]): Promise<FmcRun> {
    return this.fmcWith({}, ...args)
  }

  /** The same with a short time limit for gates: for gates that will not open. */
  async fmcInVain(...args: readonly string[]): Promise<FmcRun> {
    return this.fmcWith({ FMC_GATE_SECONDS: '2' }, ...args)
  }

  async fmcWith(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<FmcRun> {
    const ran = await run(fmcInLab(this.inventory, ...args), {
      env: { FMC_LAB: this.name, ...env },
    })
    return { ...ran, ...read(ran.stdout) }
  }

  /** A shell command on a host, over ssh, as root. */
  on(host: string, script: string, input = ''): Promise<Ran> {
    return run(enterLab(this.state, sshCommand(this.state, host, [script])), { input })
  }

  /** The same, and its stdout without the last newline; throws when it fails. */
  async text(host: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.on(host, script)
    if (code !== 0) throw new Error(`${host}: ${script}: exit ${code}: ${stderr}${stdout}`)
    return stdout.trimEnd()
  }

  /** A program of this machine in the lab's LAN, or in a host's network. */
  inLan(...argv: readonly string[]): Promise<Ran> {
    return run(enterLab(this.state, argv))
  }
  inNetworkOf(host: string, ...argv: readonly string[]): Promise<Ran> {
    return run(enterHostNetwork(this.state, host, argv))
  }
}

function read(stdout: string): Omit<FmcRun, keyof Ran> {
  const events = stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Event)
  const tasks = events.filter(e => e.type === 'task')
  const recap = events.find(e => e.type === 'recap')
  return {
    events,
    tasks,
    recap,
    changed: tasks
      .filter(e => e.status === 'changed')
      .map(e => `${e.host} ${e.role}/${e.task}`)
      .sort(),
    failures: [
      ...tasks.flatMap(e =>
        e.failure ? [`${e.host} ${e.role}: ${e.failure.message}\n${e.failure.output ?? ''}`] : [],
      ),
      ...events.flatMap(e =>
        e.type === 'host' && 'failure' in e ? [`${e.host}: ${e.failure.message}`] : [],
      ),
    ],
  }
}

/** The name of a test's lab on this machine: two checkouts may be tested at the same time. */
export const labName = (name: string): string =>
  `${name}-${createHash('sha256').update(ROOT).digest('hex').slice(0, 4)}`

/** Boots a lab; `of` must be the test file's own. Root is needed, and what `fmc lab up` needs. */
export async function rig(
  t: Test,
  of: string,
  o: { inventory?: string; vm?: string[]; hosts?: string[] } = {},
): Promise<Rig> {
  const name = labName(of)
  const inventory = o.inventory ?? join(ROOT, 'inventory.yaml')
  await down(name)
  t.teardown(() => down(name))
  const state = await up(await loadInventory(inventory), {
    name,
    yes: true,
    log: text => t.comment(text),
    ...(o.vm ? { vm: o.vm } : {}),
    ...(o.hosts ? { hosts: o.hosts } : {}),
  })
  return new Rig(state, name, inventory)
}

/**
 * What every role must pass: a dry run that writes nothing and predicts exactly, a run that does it, and a second run
 * with nothing to do. Returns the first real run.
 */
export async function proveRole(t: Test, r: Rig, ...args: readonly string[]): Promise<FmcRun> {
  const planned = await r.fmc(...args, '--dry-run')
  t.equal(
    planned.code,
    0,
    `the dry run is fine ${planned.failures.join('\n')} ${planned.code === 0 ? '' : planned.stderr}`,
  )
  const done = await r.fmc(...args)
  t.equal(
    done.code,
    0,
    `the run is fine ${done.failures.join('\n')} ${done.code === 0 ? '' : done.stderr}`,
  )
  t.strictSame(done.changed, planned.changed, 'what changed is what was predicted')
  t.match(done.recap, { failed: 0, unreachable: 0, unpredicted: 0, unneeded: 0 })
  const again = await r.fmc(...args)
  t.equal(again.code, 0, `the second run is fine ${again.failures.join('\n')}`)
  t.strictSame(again.changed, [], 'a second run changes nothing')
  return done
}
