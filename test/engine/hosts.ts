import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { run } from '../../lib/engine/run.ts'
import { checkVars, select } from '../../lib/engine/define/select.ts'
import type { RunSettings, StartAt } from '../../lib/engine/settings.ts'
import { TaskError, UnreachableError } from '../../lib/errors.ts'
import { playbook, role, z, type Conclude, type Play, type Role } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { matchNames } from '../../lib/inventory/patterns.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import type { OpenSession, Output, ScriptOptions } from '../../lib/ssh/types.ts'

type TaskEvent = Extract<Event, { type: 'task' }>
type RecapEvent = Extract<Event, { type: 'recap' }>

export interface Ran {
  readonly code: number
  readonly events: readonly Event[]
  readonly tasks: readonly TaskEvent[]
  readonly recap: RecapEvent
  /** `host task` of every task with status changed. */
  readonly changed: readonly string[]
  /** `host: message` of everything that failed. */
  readonly failures: readonly string[]
  /** Warnings. */
  readonly notes: readonly string[]
}

type Plays = Parameters<typeof playbook>[1]

/** A script sees the host's own /run, /srv, /var/lib and units, and this machine's programs but for systemctl and those in its /bin. */
const ENTER = `PATH="$1/bin:$PATH"; for d in run srv var/lib etc/systemd/system etc/rancher; do [ ! -d "/$d" ] || { mkdir -p "$1/$d"; mount --bind "$1/$d" "/$d"; }; done
mount --bind "$1/../systemctl" /usr/bin/systemctl; exec sh "$2" </dev/null`

/** Timers only fire when a test says so (\`fire\`); a service runs when it is started. */
const SYSTEMCTL = `#!/bin/sh
[ "$1" = -q ] && shift
case $1:$2 in
is-active:*) if [ -e "/run/units/$2" ]; then echo active; else echo inactive; exit 3; fi ;;
start:*.timer | restart:*.timer) [ -e "/etc/systemd/system/$2" ] && mkdir -p /run/units && : >"/run/units/$2" ;;
start:*.service) eval "$(sed -n 's/^ExecStart=//p' "/etc/systemd/system/$2")" ;;
stop:*) rm -f "/run/units/$2" ;;
esac
`

function shell(dir: string, script: string): Promise<Output> {
  return new Promise((resolve, reject) => {
    const file = join(dir, 'script')
    writeFileSync(file, script)
    const child = spawn('unshare', ['-m', 'sh', '-ec', ENTER, 'sh', dir, file])
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 128, stdout, stderr }))
  })
}

/**
 * The whole engine in this process, on hosts a, b, c and d that are directories of this machine. Every exchange is a
 * process of its own, so that the lock does not outlive one: what a real session adds is tested on real hosts.
 */
export class Hosts {
  readonly #dir: string
  /** Hosts that do not answer. */
  readonly down = new Set<string>()
  /** Hosts at whose address another machine answers. */
  readonly strange = new Set<string>()
  /** Names of the hosts that fmc tried to connect to, in order. */
  readonly dialled: string[] = []
  /** Connections made, in order: names of hosts. */
  readonly connections: string[] = []
  /** Scripts that ran on the hosts, in order. */
  readonly scripts: { readonly host: string; readonly script: string }[] = []

  /** `vmOn`: which hosts are VMs of which; `more`: the rest of the inventory. */
  constructor(t: Test, vmOn: Readonly<Record<string, string>> = {}, more = '') {
    this.#dir = mkdtempSync(join(tmpdir(), 'fmc-engine-'))
    t.teardown(() => rmSync(this.#dir, { recursive: true, force: true }))
    writeFileSync(join(this.#dir, 'systemctl'), SYSTEMCTL, { mode: 0o755 })
    const hosts = ['a', 'b', 'c', 'd'].map(
      (h, i) =>
        `  ${h}: { os: debian 12, ${vmOn[h] === undefined ? '' : `vm_on: ${vmOn[h]}, vcpu: 1, memory: 1GB, root_disk: 10GB, `}nics: [{ network: lan, address: 10.0.0.1${i} }] }\n`,
    )
    writeFileSync(
      join(this.#dir, 'inventory.yaml'),
      `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
hosts:
${hosts.join('')}${more}`,
    )
  }

  /** Where this machine keeps what belongs to the hosts. */
  get dir(): string {
    return this.#dir
  }

  /** A program of a host instead of this machine's: a shell script. */
  program(host: string, name: string, text: string): void {
    this.write(host, `bin/${name}`, `#!/bin/sh\n${text}\n`)
    chmodSync(join(this.#dir, host, 'bin', name), 0o755)
  }

  /** The text of a file of a host, undefined when there is none. */
  read(host: string, path: string): string | undefined {
    try {
      return readFileSync(join(this.#dir, host, path), 'utf8')
    } catch {
      return undefined
    }
  }

  write(host: string, path: string, text: string): void {
    const file = join(this.#dir, host, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  /** A shell script on a host. */
  sh(host: string, script: string): Promise<Output> {
    return shell(join(this.#dir, host), script)
  }

  /** Fires the timers of a host. */
  fire(host: string): Promise<Output> {
    return this.sh(
      host,
      'for u in /run/units/*.timer; do u=${u##*/}; rm "/run/units/$u"; systemctl start "${u%.timer}.service"; done',
    )
  }

  inventory(extraVars?: Record<string, unknown>): Promise<Inventory> {
    return loadInventory(join(this.#dir, 'inventory.yaml'), { extraVars })
  }

  /** Removes all that is on the host. */
  erase(host: string): void {
    rmSync(join(this.#dir, host), { recursive: true, force: true })
  }

  readonly #openSession: OpenSession = async ({ name }, boot) => {
    this.dialled.push(name)
    if (this.strange.has(name)) throw new UnreachableError(`the host key of ${name} is not known`)
    if (this.down.has(name)) throw new UnreachableError(`no answer from ${name}`, { silent: true })
    this.connections.push(name)
    const dir = join(this.#dir, name)
    mkdirSync(dir, { recursive: true })
    let last: Promise<unknown> = Promise.resolve()
    const one = (script: string): Promise<Output> => {
      this.scripts.push({ host: name, script })
      const answer = last.then(() => shell(dir, script))
      last = answer
      return answer
    }
    return Promise.resolve({
      session: {
        target: { name, address: name, port: 22, user: 'root', sudo: false },
        trips: 0,
        word: '',
        shellPid: 0,
        lost: false,
        run: async (script: string, { maxBytes = Infinity }: ScriptOptions = {}) => {
          const output = await one(script)
          if (Buffer.byteLength(output.stdout) <= maxBytes) return output
          throw new TaskError(`the command printed more than ${maxBytes} bytes`)
        },
        upload: () => Promise.reject(new Error('not here')),
        connected: () => Promise.reject(new Error('a double')),
        interrupt: () => Promise.resolve(),
        close: () => undefined,
      },
      first: boot === undefined ? undefined : one(boot),
    })
  }

  async run(
    plays: Plays,
    o: {
      dryRun?: boolean
      forks?: number
      limit?: string
      pendingIsError?: boolean
      stop?: AbortSignal
      kill?: AbortSignal
      term?: AbortSignal
      begun?: number
      extraVars?: Record<string, unknown>
      conclude?: Conclude | undefined
      tags?: readonly string[]
      skipTags?: readonly string[]
      startAt?: StartAt
      confirm?: (play: string, host: string) => Promise<boolean>
      plan?: Pick<RunSettings, 'digest' | 'onPlan' | 'saved'>
    } = {},
  ): Promise<Ran> {
    const inventory = await this.inventory(o.extraVars)
    const stages = select(inventory, playbook('test', plays), {
      limit: o.limit === undefined ? undefined : matchNames(inventory, o.limit),
      tags: o.tags,
      skipTags: o.skipTags,
      startAt: o.startAt?.role,
    })
    const events: Event[] = []
    const code = await run({
      inventory,
      stages,
      vars: checkVars(stages, () => ''),
      dryRun: o.dryRun ?? false,
      readOnly: false,
      conclude: o.conclude,
      startAt: o.startAt,
      confirm: o.confirm,
      ...o.plan,
      found: new Map(),
      begun: o.begun ?? Date.now(),
      keepDir: join(this.#dir, 'kept'),
      diff: false,
      forks: o.forks ?? 10,
      lab: false,
      pendingIsError: o.pendingIsError ?? false,
      artifactsDir: undefined,
      secrets: [],
      stop: o.stop ?? new AbortController().signal,
      kill: o.kill ?? new AbortController().signal,
      term: o.term,
      openSession: this.#openSession,
      targetOf: ({ name }) => ({ name, address: name, port: 22, user: 'root', sudo: false }),
      cacheDir: join(this.#dir, 'cache'),
      inventoryFile: inventory.file,
      command: 'test',
      emit: event => void events.push(event),
    })
    const tasks = events.filter(e => e.type === 'task')
    return {
      code,
      events,
      tasks,
      recap: events.at(-1) as RecapEvent,
      changed: tasks.filter(e => e.status === 'changed').map(e => `${e.host} ${e.task}`),
      failures: events.flatMap(e => ('failure' in e ? [`${e.host}: ${e.failure.message}`] : [])),
      notes: events.flatMap(e => (e.type === 'note' && e.level === 'warning' ? [e.text] : [])),
    }
  }
}

let count = 0

/** A role of these tasks. */
export const tasks = (
  body: (host: string) => Promise<unknown>,
  handlers: Parameters<typeof role>[0]['handlers'] = {},
): Role =>
  role({
    name: `role-${++count}`,
    summary: 'for a test',
    vars: z.object({}),
    handlers,
    async tasks({ host }) {
      await body(host.name)
    },
  })

/** A play of one role on all hosts, or on some. */
export const one = (r: Role, more: Partial<Omit<Play, 'roles'>> = {}): Play => ({
  name: `play of ${r.name}`,
  hosts: 'all',
  ...more,
  roles: [r],
})
