import { ask } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
import { quote } from '../shell/quote.ts'
import { bindZx, commandText, type ProcessPromise } from '../shell/zx.ts'
import { checkTask, expect, resource, type Common, type Result } from './resource.ts'
import { isFresh, scope, type Left, type Scope } from './scope.ts'

export interface CommandOptions extends Common {
  /** Standard input: the only way for a secret to reach a command. */
  readonly stdin?: string | Secret | undefined
  /** Do nothing if this path exists. */
  readonly creates?: string | undefined
  /** Do nothing if this read-only command succeeds. */
  readonly unless?: string | undefined
  readonly timeoutSeconds?: number | undefined
}

interface Command extends CommandOptions {
  readonly command: string
}

const run = resource({
  name: (o: Command) => `$ ${o.command}`,
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
    const factsAfter: Left[] =
      o.creates === undefined
        ? []
        : [[ask('path', o.creates), { type: 'file', mode: '0644', owner: 'root', group: 'root' }]]
    return [
      {
        what: o.command,
        script: o.stdin instanceof Secret ? new Secret(script, o.stdin.name) : script,
        factsAfter,
        ...(o.timeoutSeconds === undefined ? {} : { timeoutMs: o.timeoutSeconds * 1000 }),
      },
    ]
  },
})

type Template = (pieces: TemplateStringsArray, ...args: readonly unknown[]) => Promise<void>

function template(options: CommandOptions): Template {
  return async (pieces, ...args) => {
    let command = ''
    await checkTask(`$ ${pieces.join('…').trim()}`, () => {
      command = commandText(pieces, args)
      expect(!command.includes('\0'), 'a NUL byte cannot be part of a command')
    })
    // Like a probe, it sees the host and not the forecast.
    const here = scope()
    if (options.unless !== undefined && here.mode !== 'apply' && here.dirty) here.markEstimate()
    await run({ ...options, command })
  }
}

/**
 * zx's `$` for changing a host: runs as root, arguments quoted, throws TaskError on a non-zero exit.
 * Never runs while planning, and gives nothing back (in a plan there is nothing to give: use `probe`).
 * Without `creates`, `unless`, or a branch that a probe guards it is not idempotent, and the verify pass fails the role.
 *
 *     await $`exportfs -ra`
 *     await $({ creates: '/etc/app/key', stdin: password })`app-keygen`
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
  /** What a freshly installed host would print and end with: for plans of hosts that do not exist yet. */
  readonly whenNew?: string | { readonly stdout?: string; readonly code: number }
  /** Most bytes that it may print, where 4 MB are not enough; 16 MB at most. */
  readonly maxBytes?: number
  /**
   * `false`: a probe after a planned change does not mark the plan as an estimate. For a role that decides by the state
   * of a whole cluster: it must make sure that what it plans from today's state is what it does when its turn comes.
   */
  readonly estimate?: boolean
}

type Reading = (pieces: TemplateStringsArray, ...args: unknown[]) => ProcessPromise

/**
 * zx's `$` for reading: the command must not write. It runs in every pass as root, does not throw on a non-zero exit,
 * and its answer is remembered until something changes on the host. After a planned change it sees the host as it is
 * now and not the forecast, so the plan is marked as an estimate from there on: decide by vars and by the results of
 * resources instead.
 *
 *     const { stdout } = await probe`uname -r`
 *     const { ok } = await probe({ whenNew: { code: 1 } })`test -e /etc/app/ready`
 */
export function probe(options: ProbeOptions): Reading
export function probe(pieces: TemplateStringsArray, ...args: unknown[]): ProcessPromise
export function probe(
  first: ProbeOptions | TemplateStringsArray,
  ...args: unknown[]
): Reading | ProcessPromise {
  return 'raw' in first ? reading({})(first, ...args) : reading(first)
}

function reading({ whenNew, maxBytes, estimate = true }: ProbeOptions): Reading {
  const here = scope()
  if (estimate && here.mode !== 'apply' && here.dirty) here.markEstimate()
  const fresh = isFresh()
  if (whenNew !== undefined || maxBytes !== undefined) {
    const { stdout = '', code } =
      typeof whenNew === 'string' ? { stdout: whenNew, code: 0 } : (whenNew ?? { code: 0 })
    const answer = whenNew === undefined ? undefined : { stdout, code, stderr: '' }
    return bindZx(command => here.read(ask('command', command, answer, maxBytes), { fresh }))
  }
  const map = fresh ? boundFresh : bound
  let zx = map.get(here)
  if (!zx) map.set(here, (zx = bindZx(command => here.read(ask('command', command), { fresh }))))
  return zx
}

export type { Result }
