import { TaskError } from '../errors.ts'
import { ask, type Facts, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { piecesOf, Secret } from '../secrets/secret.ts'
import { scope, type PlannedChange, type Scope } from './scope.ts'

/**
 * The options that every resource has besides its own.
 *
 * @example
 * const options: Common = { notify: ['reload app', 'reload proxy'] }
 */
export interface Common {
  /** Names of handlers of this role. They run before its next gate or at its end if this task changes something. */
  readonly notify?: string | readonly string[] | undefined
}

/**
 * The result of every resource.
 *
 * @example
 * const { changed }: Result = await file('/etc/app.conf', { content: 'debug = false\n' })
 * if (changed) await $`systemctl reload app`
 */
export interface Result {
  /** Did the task change something? In a plan: would it? */
  readonly changed: boolean
}

/** A resource's queries by name. */
export type Needs = Readonly<Record<string, Query>>
/** The facts that answer a resource's queries, by the same names. */
export type Current<Q> = {
  readonly [K in keyof Q]: NonNullable<Q[K]> extends Query<infer F> ? Facts[F] : never
}

export interface PlanContext {
  /** An earlier planned change may have altered the facts; then a missing precondition is not an error. */
  readonly doubt: boolean
  /** The host's operating system. */
  readonly os: Os
  /** The host's name. */
  readonly host: string
}

/**
 * The definition of a resource: needs → pure plan → apply. The plan pass and the apply pass call the same `plan`, and apply
 * runs exactly the changes that it returns, so the dry run cannot diverge from the run.
 */
export interface Definition<O, Q extends Needs> {
  /** Kind and subject, such as "file /etc/fstab". It identifies the task, so it must not depend on the host's state. */
  name(options: O): string
  /** Checks the options; throws TaskError. */
  check?(options: O): void
  /** The queries for the facts that `plan` needs. */
  needs(options: O, os: Os): Q
  /**
   * Pure: decides by its arguments alone. [] means nothing to do. Throws TaskError for what cannot work. It returns a promise
   * only where it computes so long that other hosts would have to wait.
   */
  plan(
    options: O,
    now: Current<Q>,
    context: PlanContext,
  ): readonly PlannedChange[] | Promise<readonly PlannedChange[]>
  /** A difference that the resource leaves alone, in words. Shown even in reports that show only changes. */
  drift?(options: O, now: Current<Q>, context: PlanContext): string | undefined
  /** In a plan with changes: why only the run can tell whether they succeed, in words. */
  unsure?(options: O, now: Current<Q>, context: PlanContext): string | undefined
  /** What people should know of what the changes have printed on stderr, whether they have succeeded or failed. */
  said?(options: O, stderr: string, context: PlanContext): string | undefined
  /** Why the changes have failed, by what they have printed, where that is not the first error in it. */
  cause?(options: O, output: string, context: PlanContext): string | undefined
  /** Applying it may change more than its changes can name (a package, a command). Default false. */
  readonly opaque?: boolean
  /** The file whose text changes, for --diff; undefined: nothing to show. */
  diff?(
    options: O,
  ): { readonly path: string; readonly after: string | Uint8Array | Secret } | undefined
}

/**
 * Makes a resource out of its definition: an async function of its options that asks for the facts, plans, and in the apply
 * pass runs the planned changes as one task.
 *
 * @returns a function that resolves with `{ changed }` and throws TaskError when the task fails.
 *
 * @example
 * const swapOff = resource({
 *   name: (_: Common) => 'swap off',
 *   needs: () => ({ now: ask('command', 'cat /proc/swaps') }),
 *   plan: (_, { now }) =>
 *     now.stdout.trim().split('\n').length > 1 ? [{ what: 'turn off', script: 'swapoff -a' }] : [],
 * })
 * await swapOff({ notify: 'restart kubelet' })
 */
export function resource<O extends Common, const Q extends Needs>(
  definition: Definition<O, Q>,
): (options: O) => Promise<Result> {
  return options => {
    const here = scope()
    return here.task(definition.name(options), async task => {
      definition.check?.(options)
      const now = await readAll(here, definition.needs(options, here.host.os))
      const context = { doubt: here.doubt !== undefined, os: here.host.os, host: here.host.name }
      let changes = await definition.plan(options, now, context)
      if (changes.length > 0 && here.settings.diff)
        changes = await withDiff(here, changes, definition.diff?.(options))
      const said = (text: string): string | undefined => definition.said?.(options, text, context)
      const stderr = await task
        .carryOut(changes, { notify: options.notify, opaque: definition.opaque })
        .catch((error: unknown) => {
          throw explained(error, output => ({
            cause: definition.cause?.(options, output, context),
            more: said(output),
          }))
        })
      const drift = definition.drift?.(options, now, context)
      if (drift !== undefined) return { changes, note: drift, drift: true }
      const note =
        here.mode === 'plan' && changes.length > 0
          ? definition.unsure?.(options, now, context)
          : said(stderr)
      return { changes, ...(note === undefined ? {} : { note }) }
    })
  }
}

/** The error of a change, with the resource's words for its output. */
function explained(
  error: unknown,
  by: (output: string) => Readonly<Record<'cause' | 'more', string | undefined>>,
): unknown {
  if (!(error instanceof TaskError) || error.output === undefined) return error
  const { command, output, hint } = error
  const { cause = error.message, more } = by(output)
  return new TaskError(more === undefined ? cause : `${cause}; ${more}`, { command, output, hint })
}

async function readAll<Q extends Needs>(here: Scope, needs: Q): Promise<Current<Q>> {
  const entries = await Promise.all(
    Object.entries(needs).map(async ([name, query]) => [name, await here.read(query)] as const),
  )
  return Object.fromEntries(entries) as Current<Q>
}

async function withDiff(
  here: Scope,
  changes: readonly PlannedChange[],
  what: { path: string; after: string | Uint8Array | Secret } | undefined,
): Promise<readonly PlannedChange[]> {
  const textual = changes.findIndex(
    c => c.text !== undefined || c.what === 'content' || c.what === 'create',
  )
  if (!what || textual < 0) return changes
  const { unifiedDiff } = await import('../text/diff.ts')
  const only = (text: string): string => `--- ${what.path}\n+++ ${what.path}\n(${text})\n`
  const diff = async (): Promise<string> => {
    if (what.after instanceof Secret) return secretDiff(here, what.path, what.after)
    const [now, sum] = await Promise.all([
      here.read(ask('content', what.path)),
      here.read(ask('sha', what.path)),
    ])
    return now === null && sum !== null
      ? only('the present content is too large to show')
      : unifiedDiff(what.path, now ?? undefined, Buffer.from(what.after))
  }
  const text = await diff()
  return changes.map((c, i) => (i === textual ? { ...c, diff: text } : c))
}

/** The diff of a file with secrets, without them. Of a file that is one secret: only that it differs. */
async function secretDiff(here: Scope, path: string, after: Secret): Promise<string> {
  const pieces = piecesOf(after)
  const hidden = `--- ${path}\n+++ ${path}\n(secret content differs)\n`
  const isOpen = pieces.some(piece => !piece.secret && piece.text.trim() !== '')
  if (!isOpen || !pieces.some(piece => piece.secret)) return hidden
  const [now, sum] = await Promise.all([
    here.read(ask('content', path)),
    here.read(ask('sha', path)),
  ])
  if (now === null && sum !== null) return hidden
  const { maskedDiff } = await import('../text/masked-diff.ts')
  return maskedDiff(path, now === null ? undefined : Buffer.from(now).toString(), pieces)
}

/** Throws TaskError with this message unless `ok`: for a wrong option value. */
export function expect(ok: boolean, message: string): asserts ok {
  if (!ok) throw new TaskError(message)
}

/**
 * For a function of several tasks: runs the check of its options, and reports what it throws as the failure of a task with
 * this name.
 */
export async function checkTask(task: string, check: () => void): Promise<void> {
  try {
    check()
  } catch (cause) {
    const error = cause as Error
    await scope().task(task, () => Promise.reject(error))
  }
}

/** Throws TaskError unless the path is absolute and normalised, without NUL or trailing slash: path facts are keyed by it. */
export function checkPath(path: string): void {
  expect(path.startsWith('/'), `${JSON.stringify(path)} is not an absolute path`)
  expect(!path.includes('\0'), `${JSON.stringify(path)} contains a NUL byte`)
  expect(
    path === '/' || !/\/(\.{1,2})?(\/|$)/.test(path),
    `${JSON.stringify(path)} is not a normal path (no //, /./, /../ or trailing /)`,
  )
}
