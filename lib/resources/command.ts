import { ask, type Query } from '../facts/index.ts'
import { scriptAround, Secret } from '../secrets/secret.ts'
import { quote } from '../shell/quote.ts'
import { bindZx, commandText, type CommandPromise } from '../shell/zx.ts'
import { checkTask, expect, resource, type Common, type Result } from './resource.ts'
import { manner, scope, type FactAfter, type Scope } from './scope.ts'

export interface CommandOptions extends Common {
  /** The task's title in the plan and the run; default: the command. One line. */
  readonly name?: string | undefined
  /** Standard input; default empty. The only way to pass a secret to a command. */
  readonly stdin?: string | Secret | undefined
  /** Absolute path: do nothing if it exists. */
  readonly creates?: string | undefined
  /** Shell text of a read-only command: do nothing if it succeeds. */
  readonly unless?: string | undefined
  /** Time limit; default 600 s. fmc then ends the command, and the task fails. */
  readonly timeoutSeconds?: number | undefined
}

interface Command extends CommandOptions {
  readonly command: string
}

function checkTitle(name: string | undefined): void {
  expect(
    name === undefined || /^[^\p{C}\s](?:[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\s])?$/u.test(name),
    `${JSON.stringify(name)} is not a title: expected one line of text, such as "create the schema"`,
  )
}

const run = resource({
  name: (o: Command) => o.name ?? `$ ${o.command}`,
  check: o => checkTitle(o.name),
  opaque: true,
  needs: o => ({
    ...(o.creates === undefined ? {} : { creates: ask('path', o.creates) }),
    ...(o.unless === undefined ? {} : { unless: ask('command', o.unless) }),
  }),
  plan(o, now: { creates?: unknown; unless?: { code: number } }) {
    if (o.creates !== undefined && now.creates !== null) return []
    if (o.unless !== undefined && now.unless?.code === 0) return []
    const feed =
      o.stdin === undefined
        ? ''
        : `printf %s ${quote(o.stdin instanceof Secret ? o.stdin.reveal() : o.stdin)} | `
    const script = `${feed}eval ${quote(o.command)}`
    const factsAfter: FactAfter[] =
      o.creates === undefined
        ? []
        : [[ask('path', o.creates), { type: 'file', mode: '0644', owner: 'root', group: 'root' }]]
    return [
      {
        what: o.command,
        command: true,
        script: o.stdin instanceof Secret ? scriptAround(script, o.stdin) : script,
        factsAfter,
        ...(o.timeoutSeconds === undefined ? {} : { timeoutMs: o.timeoutSeconds * 1000 }),
      },
    ]
  },
})

type Template = (pieces: TemplateStringsArray, ...args: readonly unknown[]) => Promise<void>

/** It starts the task at once, so that an error can name the place in the role. */
function template(options: CommandOptions): Template {
  return async (pieces, ...args) => {
    let command: string
    try {
      command = commandText(pieces, args)
      expect(!command.includes('\0'), 'a NUL byte cannot be part of a command')
    } catch (cause) {
      return checkTask(options.name ?? `$ ${pieces.join('…').trim()}`, () => {
        throw cause
      })
    }
    // Like a probe, `unless` sees the host and not the forecast.
    const here = scope()
    if (options.unless !== undefined && here.mode !== 'apply' && here.dirty) here.markEstimate()
    await run({ ...options, command })
  }
}

/**
 * zx's `$` for changing a host: runs a command as root with quoted arguments. It never runs in a plan, counts as `changed`
 * when it runs, and returns nothing, because a plan has nothing to return (to read, use `probe`). It is idempotent only with
 * `creates`, `unless` or a branch that a probe decides; otherwise the verify pass fails the role. It belongs into handlers.
 *
 * @throws TaskError on a non-zero exit and after the time limit (default 600 s).
 *
 * @example
 * await $`exportfs -ra`
 * await $({ creates: '/etc/app/key', stdin: new Secret('hush') })`app-keygen --out /etc/app/key`
 * await $({ name: 'create the schema', unless: 'app-admin has-schema' })`app-admin create-schema`
 */
export function $(options: CommandOptions): Template
export function $(pieces: TemplateStringsArray, ...args: readonly unknown[]): Promise<void>
export function $(
  first: CommandOptions | TemplateStringsArray,
  ...args: readonly unknown[]
): Template | Promise<void> {
  return 'raw' in first ? template({})(first, ...args) : template(first)
}

const bound = new WeakMap<Scope, ReturnType<typeof bindZx>>()
const boundFresh = new WeakMap<Scope, ReturnType<typeof bindZx>>()

export interface ProbeOptions {
  /** The answer of a freshly installed host (its stdout, or stdout and exit code), for plans of hosts that do not exist yet. */
  readonly whenNew?: string | { readonly stdout?: string; readonly code: number }
  /** Most bytes that the command may print; default 4 MB, at most 16 MB. */
  readonly maxBytes?: number
  /**
   * `false`: the plan is not marked as an estimate when this probe follows a planned change. For a role that decides by
   * the state of a whole cluster and itself ensures that it later does what it plans from the present state. Default true.
   */
  readonly estimate?: boolean
}

type Reading = (pieces: TemplateStringsArray, ...args: unknown[]) => CommandPromise

/**
 * zx's `$` for reading: runs a command as root in every pass. The command must not write. A non-zero exit does not throw:
 * see `ok`, `exitCode`, `stdout`, `stderr`, `text()`, `lines()`, `json()`. fmc remembers the answer until something changes
 * on the host (in gates, orders and invariants it asks every time). After a planned change a probe sees the present host and
 * not the forecast, so the plan is marked as an estimate from there on: prefer to decide by vars and by results of resources.
 *
 * @throws UnreachableError without an answer; TaskError after the time limit or beyond `maxBytes`.
 *
 * @example
 * const { stdout } = await probe`uname -r`
 * const { ok } = await probe({ whenNew: { code: 1 } })`test -e /etc/app/ready`
 */
export function probe(options: ProbeOptions): Reading
export function probe(pieces: TemplateStringsArray, ...args: unknown[]): CommandPromise
export function probe(
  first: ProbeOptions | TemplateStringsArray,
  ...args: unknown[]
): Reading | CommandPromise {
  return 'raw' in first ? reading({})(first, ...args) : reading(first)
}

function reading({ whenNew, maxBytes, estimate = true }: ProbeOptions): Reading {
  const here = scope()
  if (estimate && here.mode !== 'apply' && here.dirty) here.markEstimate()
  const fresh = manner().fresh ?? false
  if (whenNew !== undefined || maxBytes !== undefined) {
    const { stdout = '', code } =
      typeof whenNew === 'string' ? { stdout: whenNew, code: 0 } : (whenNew ?? { code: 0 })
    const answer = whenNew === undefined ? undefined : { stdout, code, stderr: '' }
    return bindZx(command => hear(here, ask('command', command, answer, maxBytes), fresh))
  }
  const map = fresh ? boundFresh : bound
  let zx = map.get(here)
  if (!zx) map.set(here, (zx = bindZx(command => hear(here, ask('command', command), fresh))))
  return zx
}

async function hear(here: Scope, query: Query<'command'>, fresh: boolean) {
  const answer = await here.read(query, { fresh })
  manner().heard?.({ host: here.host.name, command: query.arg, answer })
  return answer
}

export type { Result }
