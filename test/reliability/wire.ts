import { UnreachableError } from '../../lib/errors.ts'
import type { Event } from '../../lib/engine/events.ts'
import { LIMITS, type Limits } from '../../lib/ssh/link.ts'
import { openShell } from '../../lib/ssh/session.ts'
import type { OpenSession, Output, Session } from '../../lib/ssh/types.ts'
import type { LightHost } from './light-host.ts'
import { LightLink, type LightProcess, type Manner } from './link.ts'

/** One system call of a command that changes something. */
export interface Call {
  readonly name: string
  readonly path: string
}

/** One remote command of a run: a script in the session's shell, an upload, or the script that comes with a connection. */
export interface Command {
  readonly kind: 'boot' | 'run' | 'upload'
  readonly pass: string
  /** Tasks that the apply pass had told of when it was sent. */
  readonly told: number
  readonly calls: Call[]
}

/** A moment of a run: at a command's boundary, or at the n-th changing system call inside it, counted from 1. */
export interface Moment {
  readonly command: number
  readonly when: 'before' | 'sent' | 'acked' | number
}

/** What a fault may use. */
export interface Hands {
  readonly host: LightHost
  readonly link: LightLink | undefined
  readonly process: LightProcess | undefined
}

/** A fault of one run on one host. */
export interface Injection {
  readonly at: Moment
  /** At a system call: what the host's program does there (host/exec.go), without the number: "crash", "error 28". */
  readonly rule?: string | undefined
  /** At a boundary, or while a call is held. `hit` says that it has happened. */
  readonly act?: ((hands: Hands) => Promise<void> | void) | undefined
}

/** fmc's limits, but that a fault need not wait for minutes. */
const QUICK: Limits = {
  ...LIMITS,
  enterMs: 30_000,
  graceMs: 600,
  commandMs: 60_000,
  idleMs: 30_000,
}

/** A finished command's mark on stdout (lib/ssh/frame.ts). */
const MARK = /\x1e[^\x1e:]+:\d+:\d{3};/

/** The connection of one run to one light host: counts its commands, and makes the fault happen at its moment. */
export class Wire {
  readonly commands: Command[] = []
  readonly host: LightHost
  /** What the host's program said about the fault; empty: the moment never came. */
  readonly hits: string[] = []
  /** Canaries in arguments or environments of processes. */
  readonly leaks: string[] = []
  /** Inodes whose data was not synced at a crash. */
  unsynced: number[] = []
  readonly #injection: Injection | undefined
  readonly #recording: boolean
  readonly links: LightLink[] = []
  #pass = ''
  #told = 0
  #current: Command | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(host: LightHost, o: { injection?: Injection | undefined; recording?: boolean } = {}) {
    this.host = host
    this.#injection = o.injection
    this.#recording = o.recording ?? false
  }

  note(event: Event): void {
    if (event.type === 'pass' && event.state === 'start') this.#pass = event.pass
    if (
      event.type === 'task' &&
      this.#pass === 'apply' &&
      (event.status === 'ok' || event.status === 'changed') &&
      !event.task.startsWith('undo ')
    )
      this.#told++
  }

  get told(): number {
    return this.#told
  }

  readonly open: OpenSession = async (target, boot, options) => {
    const command = this.#begin('boot')
    const link = new LightLink(this.host, () => this.#manner())
    this.links.push(link)
    if (this.#is(command, 'before')) await this.#act({ host: this.host, link, process: undefined })
    const { session, first } = await openShell(link, target, boot, QUICK, options)
    const shell = link.processes[0]
    if (this.#is(command, 'sent')) await this.#act({ host: this.host, link, process: shell })
    return {
      session: this.#wired(session, link, shell),
      first: first && this.#settle(first, shell, this.#within(command)),
    }
  }

  #begin(kind: Command['kind']): number {
    this.#current = { kind, pass: this.#pass, told: this.#told, calls: [] }
    return this.commands.push(this.#current) - 1
  }

  #is(command: number, when: Moment['when']): boolean {
    const at = this.#injection?.at
    return at?.command === command && at.when === when
  }

  /** The fault happens at a call of this command. */
  #within(command: number): boolean {
    const at = this.#injection?.at
    return at?.command === command && typeof at.when === 'number'
  }

  async #act(hands: Hands): Promise<void> {
    this.hits.push('boundary')
    await this.#injection?.act?.(hands)
  }

  /** How the process of the command that has just begun starts. */
  #manner(): Manner {
    const command = this.commands.length - 1
    let process: LightProcess | undefined
    const heard = (line: string): void => this.#heard(line, process)
    const mine = this.#injection?.at.command === command
    const rule = this.#recording
      ? 'none 0'
      : (this.#ruleAt(mine) ?? (typeof this.#injection?.at.when === 'number' ? 'off 0' : undefined))
    queueMicrotask(() => (process = this.links.at(-1)?.processes.at(-1)))
    return { rule, heard }
  }

  #ruleAt(mine: boolean): string | undefined {
    const { at, rule } = this.#injection ?? {}
    if (!mine || typeof at?.when !== 'number' || rule === undefined) return undefined
    const [action = '', ...more] = rule.split(' ')
    return [action, at.when, ...more].join(' ')
  }

  #heard(line: string, process: LightProcess | undefined): void {
    const [what = '', , name = '', ...path] = line.split(' ')
    if (what === 'call') {
      const [call = '', leak] = name.split('!leak:')
      if (leak !== undefined)
        this.leaks.push(`${leak} of a process that calls ${call} ${path.join(' ')}`)
      this.#current?.calls.push({ name: call, path: path.join(' ') })
    } else if (what === 'at') {
      this.hits.push(line.slice(3))
      if (this.#injection?.rule === 'hold')
        void Promise.resolve(
          this.#injection.act?.({ host: this.host, link: this.links.at(-1), process }),
        ).then(() => process?.tell('go'))
    } else if (what === 'crashed') {
      this.unsynced = line.slice(8).split(',').filter(Boolean).map(Number)
    }
  }

  /** Waits until all that the host's program has said about a command has arrived. */
  async #settle<T>(work: Promise<T>, process: LightProcess | undefined, mine: boolean): Promise<T> {
    const result = await work
    if (this.#recording) await process?.rule('none 0')
    // A command may make fewer calls than when it was recorded. The next one's calls are another moment.
    else if (mine && this.hits.length === 0 && !this.#injection?.rule?.startsWith('errors'))
      await process?.rule('off 0')
    return result
  }

  #wired(session: Session, link: LightLink, shell: LightProcess | undefined): Session {
    const hands = { host: this.host, link, process: shell }
    const command = async <T>(kind: 'run' | 'upload', work: () => Promise<T>): Promise<T> => {
      const turn = this.#turn.then(() => this.#prepare(kind, hands))
      this.#turn = turn.catch(() => undefined)
      const number = await turn
      const result = work()
      // It may fail while the fault still happens, before anybody waits for it.
      result.catch(() => undefined)
      if (this.#is(number, 'sent')) await this.#act(hands)
      if (kind === 'upload' && this.#is(number, 'acked')) {
        await result
        await this.#act(hands)
        throw new UnreachableError(`${this.host.name}: the connection was lost`)
      }
      return this.#settle(result, kind === 'run' ? shell : undefined, this.#within(number))
    }
    return new Proxy(session, {
      get: (of, key) => {
        if (key === 'run')
          return (...args: Parameters<Session['run']>): Promise<Output> =>
            command('run', () => of.run(...args))
        if (key === 'upload')
          return (...args: Parameters<Session['upload']>): Promise<void> =>
            command('upload', () => of.upload(...args))
        const value: unknown = Reflect.get(of, key, of)
        return typeof value === 'function' ? (value.bind(of) as unknown) : value
      },
    })
  }

  async #prepare(
    kind: 'run' | 'upload',
    hands: Hands & { readonly link: LightLink },
  ): Promise<number> {
    const number = this.#begin(kind)
    if (this.#is(number, 'before')) await this.#act(hands)
    const rule = this.#ruleAt(this.#injection?.at.command === number)
    if (kind === 'run' && rule !== undefined) await hands.process?.rule(rule)
    if (kind === 'run' && this.#is(number, 'acked')) {
      let said = ''
      hands.process?.swallow(text => {
        said = (said + text).slice(-4096)
        if (!MARK.test(said)) return
        said = ''
        void this.#act(hands)
      })
    }
    return number
  }
}
