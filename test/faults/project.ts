import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { enterLab } from '../../lib/lab/enter.ts'
import { demandContract } from '../report/demand-contract.ts'
import { rig, ROOT, type Ran, type RecapEvent, type Rig, type TaskEvent } from '../rig/lab.ts'

/** Three equal Debian hosts on one network. */
export const HOSTS = { a: '192.168.0.11', b: '192.168.0.12', c: '192.168.0.13' } as const
export type Name = keyof typeof HOSTS

export const BIN = join(ROOT, 'lib/bin.js')

/** An inventory of a, b and c; `host` gives more lines for each, `tail` stands at the end. */
export const inventoryText = (
  host: (name: Name) => readonly string[] = () => [],
  head: readonly string[] = [],
): string =>
  [
    'timezone: UTC',
    'domain: faults.internal',
    'networks:',
    '  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }',
    ...head,
    'hosts:',
    ...(Object.keys(HOSTS) as Name[]).flatMap(name => [
      `  ${name}:`,
      '    os: debian 12',
      `    nics: [{ network: lan, address: ${HOSTS[name]} }]`,
      ...host(name).map(line => `    ${line}`),
    ]),
    '',
  ].join('\n')

/** A role's index.ts around the text of its tasks. */
export const roleText = (
  name: string,
  tasks: string,
  { handlers = '', vars = '' }: { handlers?: string; vars?: string } = {},
): string => `import * as fmc from 'fmc'
const { $, absent, directory, file, flush, gate, hosts, line, link, on, packages, probe, role, secret, service, z } = fmc
export default role({
  name: '${name}',
  summary: 'for a test',
  vars: z.object({ ${vars} }),
  async tasks({ vars, host }) {
${tasks}
  },
  handlers: { ${handlers} },
})
`

export interface Run extends Ran {
  /** Every line of stdout that is an object, parsed. */
  readonly events: readonly Event[]
  readonly tasks: readonly TaskEvent[]
  readonly recap: RecapEvent | undefined
  /** `host task` of every task with status changed. */
  readonly changed: readonly string[]
  /** host → everything that went wrong there. */
  readonly failures: Readonly<Record<string, string>>
  readonly seconds: number
}

/** A run of fmc that is under way. */
export interface Running {
  readonly pid: number
  readonly end: Promise<Run>
  /** What stdout has said so far. */
  events(): readonly Event[]
  /** Resolves when an event is there for which it holds; rejects when the run ends before. */
  until(holds: (event: Event, all: readonly Event[]) => boolean): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** Types something; only where stdin is open. */
  type(text: string): void
  text(): string
}

const parse = (text: string): Event[] =>
  text.split('\n').flatMap(line => (line.startsWith('{') ? [JSON.parse(line) as Event] : []))

const runOf = (ran: Ran, seconds: number): Run => {
  const events = parse(ran.stdout)
  // fmc run has lines of its own.
  if (events.some(e => e.type === 'start')) events.forEach(demandContract)
  const tasks = events.filter(e => e.type === 'task')
  const failures: Record<string, string> = {}
  for (const e of events)
    if ((e.type === 'task' || e.type === 'host') && 'failure' in e) {
      const { message, hint, output } = e.failure
      const said = [failures[e.host], message, hint, output]
      failures[e.host] = said.filter(text => text !== undefined).join('\n')
    }
  return {
    ...ran,
    events,
    tasks,
    recap: events.find(e => e.type === 'recap'),
    changed: tasks.filter(e => e.status === 'changed').map(e => `${e.host} ${e.task}`),
    failures,
    seconds,
  }
}

/** A process whose stdout is watched while it runs. In a process group of its own, as a shell's job is. */
export function start(
  argv: readonly string[],
  o: { env?: NodeJS.ProcessEnv; cwd?: string; keepStdin?: boolean } = {},
): Running {
  const began = performance.now()
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: o.cwd ?? ROOT,
    env: { ...process.env, NO_COLOR: '1', ...o.env },
    detached: true,
  })
  if (!o.keepStdin) child.stdin.end()
  child.stdin.on('error', () => undefined)
  let stdout = ''
  let stderr = ''
  let over = false
  let wake: () => void = () => undefined
  const heard = (): void => wake()
  child.stdout.setEncoding('utf8').on('data', (text: string) => ((stdout += text), heard()))
  child.stderr.setEncoding('utf8').on('data', (text: string) => ((stderr += text), heard()))
  const complete = (): Event[] => parse(stdout.slice(0, stdout.lastIndexOf('\n') + 1))
  const end = new Promise<Run>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      over = true
      heard()
      const exit = code ?? (signal === 'SIGKILL' ? 137 : 128)
      const ran = { code: exit, stdout, stderr }
      resolve(
        signal === 'SIGKILL'
          ? { ...runOf({ ...ran, stdout: '' }, 0), stdout }
          : runOf(ran, (performance.now() - began) / 1000),
      )
    })
  })
  return {
    pid: child.pid ?? 0,
    end,
    events: complete,
    async until(holds) {
      for (;;) {
        const all = complete()
        if (all.some(e => holds(e, all))) return
        if (over) throw new Error(`it ended before: ${stdout}${stderr}`)
        await new Promise<void>(resolve => (wake = resolve))
      }
    },
    kill: signal => {
      try {
        process.kill(-(child.pid ?? 0), signal)
      } catch {
        // it is gone already
      }
    },
    type: text => void child.stdin.write(text),
    text: () => stdout + stderr,
  }
}

/** Asks until it holds; false when that takes longer than `seconds`. */
export async function soon(holds: () => Promise<boolean>, seconds = 60): Promise<boolean> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    if (await holds()) return true
    if (performance.now() > end) return false
    await sleep(100)
  }
}

/** A project in a directory of the test's, and a lab of its hosts. */
export class Project {
  readonly rig: Rig
  readonly dir: string
  constructor(r: Rig, dir: string) {
    this.rig = r
    this.dir = dir
  }

  write(path: string, text: string): string {
    const file = join(this.dir, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  role(name: string, tasks: string, more: { handlers?: string; vars?: string } = {}): void {
    this.write(`roles/${name}/index.ts`, roleText(name, tasks, more))
  }

  get env(): NodeJS.ProcessEnv {
    return { FMC_INSIDE_LAB: this.rig.name, FMC_CACHE: join(this.dir, 'cache') }
  }

  /** The command line of fmc within the lab's network, without the process that `--lab` puts around it. */
  argv(args: readonly string[], output: 'json' | 'plain' | 'tty' = 'json'): string[] {
    return enterLab(this.rig.state, [
      process.execPath,
      BIN,
      ...args,
      ...['-i', join(this.dir, 'inventory.yaml'), '--output', output],
    ])
  }

  start(...args: readonly string[]): Running {
    return start(this.argv(args), { env: this.env, cwd: this.dir })
  }

  fmc(...args: readonly string[]): Promise<Run> {
    return this.start(...args).end
  }

  /** `fmc run PATTERN -- WORDS`. */
  adHoc(pattern: string, ...words: readonly string[]): Promise<Run> {
    const argv = this.argv(['run'], 'plain').concat(pattern, '--', words)
    return start(argv, { env: this.env, cwd: this.dir }).end
  }

  /** The command line as a user types it: with --lab. */
  startWithLab(...args: readonly string[]): Running {
    const file = join(this.dir, 'inventory.yaml')
    return start([process.execPath, BIN, ...args, '-i', file, '--output', 'json', '--lab'], {
      env: { FMC_LAB: this.rig.name },
      cwd: this.dir,
    })
  }

  /** Does this shell condition hold on the host? */
  async holds(host: string, condition: string): Promise<boolean> {
    return (await this.rig.on(host, condition)).code === 0
  }

  /** Resolves when nobody holds the host's lock any more. */
  unlocked(host: string): Promise<boolean> {
    return soon(() => this.holds(host, 'test ! -e /run/fmc.lock || flock -n /run/fmc.lock true'))
  }
}

/** A lab of a, b and c with a project that has a `site` playbook of its own. */
export async function project(
  t: Test,
  name: string,
  o: { hosts?: Name[]; inventory?: string } = {},
): Promise<Project> {
  const dir = t.testdir({
    'inventory.yaml': o.inventory ?? inventoryText(),
    playbooks: {
      'site.ts': "import { playbook } from 'fmc'\nexport default playbook('site', [])\n",
    },
    roles: {},
  })
  const r = await rig(t, name, {
    inventory: join(dir, 'inventory.yaml'),
    ...(o.hosts ? { hosts: o.hosts } : {}),
  })
  return new Project(r, dir)
}
