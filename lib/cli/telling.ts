import { hostname } from 'node:os'
import type { Event } from '../engine/events.ts'
import { EXIT, FmcError } from '../errors.ts'
import type { Hook, Inventory } from '../inventory/types.ts'
import { callHooks, hooksFor, hookWarning, type OpenHook } from '../notify/hooks.ts'
import type { HookEvent } from '../notify/messages.ts'
import { collectorOf, sendSpans } from '../notify/otlp.ts'
import { Summary } from '../notify/summary.ts'
import { redactor } from '../secrets/redact.ts'
import { Secret } from '../secrets/secret.ts'
import { secretsOf, type Context } from './context.ts'
import type { LoginOptions } from './options.ts'
import type { RecordedReport } from './recorded.ts'

declare const FMC_VERSION: string

/** Tells services how a run goes: the hooks of the inventory, and a collector of spans. */
export interface Telling {
  /** Takes every event of the run. */
  on(event: Event): void
  /**
   * At the end of the run, before its report ends. Takes ten seconds at most for hooks; `cancel` ends that. Never rejects.
   */
  end(exitCode: number, cancel?: AbortSignal): Promise<void>
}

/** A run that is about to begin. */
export interface TellingOf {
  /** The run's id, as in its record. */
  readonly run: string
  /** The command without its options: "play site". For `drift`, exit code 3 calls the hooks on_drift. */
  readonly command: string
  /** false: the hooks on_start are not called, because this is not the first check of a watch. */
  readonly starts?: boolean
  /** `fmc drift` says false: its hooks on_start and on_success are called. */
  readonly dryRun: boolean
  readonly context: Pick<Context, 'inventory' | 'secrets' | 'lab'>
  readonly options: LoginOptions
  /** Gets one sentence for each thing that could not be sent. */
  readonly warn: (text: string) => void
}

/**
 * Calls the hooks on_start and gets ready for the others. A rehearsal in the lab tells nobody. Secrets of hooks are read now,
 * for a dry run only when a hook is to be called. Nothing here fails a run.
 */
export async function openTelling(of: TellingOf): Promise<Telling> {
  const { context, command, dryRun, run, warn } = of
  if (context.lab) return { on: () => undefined, end: () => Promise.resolve() }
  const begin = new Date()
  const hide = redactor(context.secrets)
  const facts = { command, run, dryRun, begin: begin.toISOString() }
  const summary = new Summary({ ...facts, controller: hostname(), fmc: FMC_VERSION })
  const collector = collectorOf(process.env)
  if (collector)
    for (const value of Object.values(collector.headers))
      context.secrets.push(new Secret(value, 'a header for the collector'))
  const cancelled = new AbortController()
  const traced: { at: number; event: Event }[] = []
  // fmc copy brings one file somewhere: nobody waits for that.
  const own = /^(play|role|drift)\b/.test(command) ? context.inventory.hooks : []
  const call = async (event: HookEvent, exitCode: number): Promise<void> => {
    const hooks = hooksFor(own, event, { command, dryRun })
    if (hooks.length === 0) return
    const opened = await openHooks(hooks, of)
    const results = await callHooks(opened, event, summary.of(exitCode), hide, {
      cancel: cancelled.signal,
    })
    for (const result of results) if (result.problem !== undefined) warn(hookWarning(result))
  }
  // The user types a passphrase now, not when the run has ended.
  if (!dryRun)
    for (const event of ['success', 'failure', 'drift'] as const)
      await openHooks(hooksFor(own, event, facts), {
        ...of,
        warn: () => undefined,
      })
  const started = of.starts === false ? undefined : call('start', EXIT.ok)
  return {
    on(event) {
      summary.on(event)
      if (collector) traced.push({ at: Date.now(), event })
    },
    async end(exitCode, cancel) {
      const stop = (): void => cancelled.abort()
      if (cancel?.aborted) stop()
      cancel?.addEventListener('abort', stop)
      await started
      const event = eventOf(command, exitCode)
      const end = Date.now()
      const spans = collector
        ? sendSpans(
            collector,
            { id: run, command, dryRun, exitCode, begin: begin.getTime(), end, events: traced },
            FMC_VERSION,
            hide,
            { cancel: cancelled.signal },
          )
        : undefined
      if (event) await call(event, exitCode)
      const problem = await spans
      if (problem !== undefined) warn(problem)
      cancel?.removeEventListener('abort', stop)
    },
  }
}

/** The event that an exit code means; undefined: changes are pending in a dry run that was asked for. */
const eventOf = (command: string, exitCode: number): HookEvent | undefined => {
  if (exitCode === EXIT.ok) return 'success'
  if (exitCode !== EXIT.pending) return 'failure'
  return command.split(' ')[0] === 'drift' ? 'drift' : undefined
}

/** The hooks with the secrets that they refer to; a hook whose secret cannot be read costs a warning. */
export async function openHooks(
  hooks: readonly Hook[],
  {
    context,
    options,
    warn,
  }: Pick<TellingOf, 'options' | 'warn'> & {
    readonly context: Pick<Context, 'secrets'> & { readonly inventory: Inventory }
  },
): Promise<OpenHook[]> {
  const open = async (value: string | Secret | undefined): Promise<string | undefined> => {
    if (!(value instanceof Secret)) return value
    const found = await secretsOf(context, options)
    const { secretNamed } = await import('../secrets/store.ts')
    const secret = secretNamed(found, value.name, context.inventory.secretsFile)
    if (!context.secrets.includes(secret)) context.secrets.push(secret)
    return secret.reveal().trim()
  }
  const all = await Promise.all(
    hooks.map(async (hook): Promise<OpenHook | undefined> => {
      try {
        const [url = '', token] = [await open(hook.url), await open(hook.token)]
        return { ...hook, url, token }
      } catch (error) {
        if (!(error instanceof FmcError)) throw error
        warn(`the hook ${hook.key} (${hook.type}) was not called: ${error.message}`)
        return undefined
      }
    }),
  )
  return all.filter(hook => hook !== undefined)
}

/** A report that also calls the hooks of its run and sends its spans. */
export async function toldReport(
  report: RecordedReport & { readonly id: string },
  of: Omit<TellingOf, 'run' | 'warn'>,
): Promise<RecordedReport> {
  const warn = (text: string): void => report.on({ type: 'note', level: 'warning', text })
  const telling = await openTelling({ ...of, run: report.id, warn })
  return {
    ...report,
    on(event) {
      report.on(event)
      telling.on(event)
    },
    async end(exitCode, cancel) {
      await telling.end(exitCode, cancel)
      await report.end(exitCode)
    },
  }
}
