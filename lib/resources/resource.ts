import { TaskError } from '../errors.ts'
import { ask, type Facts, type Query } from '../facts/index.ts'
import type { Os } from '../inventory/types.ts'
import { Secret } from '../secrets/secret.ts'
import { scope, type PlannedChange, type Scope } from './scope.ts'

/** What every resource takes besides its own options. */
export interface Common {
  /** Handlers of the role to run at its end if this task changes something. */
  readonly notify?: string | readonly string[] | undefined
}

/** What every resource gives back. In a plan: would it change. */
export interface Result {
  readonly changed: boolean
}

export type Needs = Readonly<Record<string, Query>>
/** The answers to a resource's needs, by the same names. */
export type Current<Q> = {
  readonly [K in keyof Q]: NonNullable<Q[K]> extends Query<infer F> ? Facts[F] : never
}

export interface PlanContext {
  /** An earlier planned change may have altered what was read: missing preconditions are then no errors. */
  readonly doubt: boolean
  readonly os: Os
}

/**
 * A resource: needs → pure plan → apply. The plan pass and the apply pass run the same `plan`,
 * and apply runs exactly the changes that it returns: that is why the dry run cannot diverge.
 */
export interface Definition<O, Q extends Needs> {
  /** Kind and subject: "file /etc/fstab". Part of the task's identity, so it must not depend on the host's state. */
  name(options: O): string
  /** Checks the options themselves; throws TaskError. */
  check?(options: O): void
  /** The facts it decides by. */
  needs(options: O, os: Os): Q
  /**
   * Pure: of its arguments alone. [] = nothing to do. Throws TaskError for what cannot work. A promise only where it
   * computes for so long that other hosts would wait.
   */
  plan(
    options: O,
    now: Current<Q>,
    context: PlanContext,
  ): readonly PlannedChange[] | Promise<readonly PlannedChange[]>
  /** A difference that the resource leaves alone, in words. Shown even in reports that show only changes. */
  drift?(options: O, now: Current<Q>, context: PlanContext): string | undefined
  /** Applying it may change more than its changes can name (a package, a free command). */
  readonly opaque?: boolean
  /** File whose text changes, for --diff; undefined: nothing to show. */
  diff?(options: O): { readonly path: string; readonly after: string | Buffer | Secret } | undefined
}

/** Make a resource function out of its definition. */
export function resource<O extends Common, const Q extends Needs>(
  definition: Definition<O, Q>,
): (options: O) => Promise<Result> {
  return options => {
    const here = scope()
    return here.task(definition.name(options), async task => {
      definition.check?.(options)
      const now = await readAll(here, definition.needs(options, here.host.os))
      const context = { doubt: here.doubt !== undefined, os: here.host.os }
      let changes = await definition.plan(options, now, context)
      if (changes.length > 0 && here.settings.diff)
        changes = await withDiff(here, changes, definition.diff?.(options))
      await task.carryOut(changes, { notify: options.notify, opaque: definition.opaque })
      const drift = definition.drift?.(options, now, context)
      return { changes, ...(drift === undefined ? {} : { note: drift, drift: true }) }
    })
  }
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
  what: { path: string; after: string | Buffer | Secret } | undefined,
): Promise<readonly PlannedChange[]> {
  const textual = changes.findIndex(
    c => c.text !== undefined || c.what === 'content' || c.what === 'create',
  )
  if (!what || textual < 0) return changes
  const { unifiedDiff } = await import('../report/diff.ts')
  const only = (text: string): string => `--- ${what.path}\n+++ ${what.path}\n(${text})\n`
  const diff = async (): Promise<string> => {
    if (what.after instanceof Secret) return only('secret content differs')
    const [now, sum] = await Promise.all([
      here.read(ask('content', what.path)),
      here.read(ask('sha', what.path)),
    ])
    return now === null && sum !== null
      ? only('the content there is too large to show')
      : unifiedDiff(what.path, now ?? undefined, Buffer.from(what.after))
  }
  const text = await diff()
  return changes.map((c, i) => (i === textual ? { ...c, diff: text } : c))
}

/** Throws the TaskError of a wrong option value. */
export function expect(ok: boolean, message: string): asserts ok {
  if (!ok) throw new TaskError(message)
}

/** For a function of several tasks: what the check of its options throws is the error of a task of this name. */
export async function checkTask(task: string, check: () => void): Promise<void> {
  try {
    check()
  } catch (cause) {
    const error = cause as Error
    await scope().task(task, () => Promise.reject(error))
  }
}

/** Absolute, normalised, without NUL or a trailing slash: what path facts are keyed by. */
export function checkPath(path: string): void {
  expect(path.startsWith('/'), `${JSON.stringify(path)} is not an absolute path`)
  expect(!path.includes('\0'), `${JSON.stringify(path)} contains a NUL byte`)
  expect(
    path === '/' || !/\/(\.{1,2})?(\/|$)/.test(path),
    `${JSON.stringify(path)} is not a normal path (no //, /./, /../ or trailing /)`,
  )
}
