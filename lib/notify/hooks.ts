import type { Hook } from '../inventory/types.ts'
import { requestOf, type HookEvent } from './messages.ts'
import { HOOK_MS, hostOf, post, type Post } from './post.ts'
import type { RunSummary } from './summary.ts'
import { withTexts } from './texts.ts'

/** A hook whose address and token have been read from the secrets file. */
export interface OpenHook extends Omit<Hook, 'url' | 'token'> {
  readonly url: string
  readonly token?: string | undefined
}

/** How one hook went. */
export interface HookResult {
  readonly hook: Pick<Hook, 'key' | 'type'>
  /** The host of its address: the rest may be secret. */
  readonly host: string
  /** Undefined: it has been called. */
  readonly problem: string | undefined
}

/**
 * The hooks of an event that a run calls: those for its command; at the end of a dry run that does not fail, and at its start, only
 * those with `dry_runs`.
 */
export const hooksFor = <T extends Pick<Hook, 'event' | 'commands' | 'dryRuns'>>(
  hooks: readonly T[],
  event: HookEvent,
  { command, dryRun }: Pick<RunSummary, 'command' | 'dryRun'>,
): T[] =>
  hooks.filter(
    hook =>
      hook.event === event &&
      (hook.commands === undefined ||
        hook.commands.some(own => command === own || command.startsWith(`${own} `))) &&
      (!dryRun || hook.dryRuns || event === 'failure' || event === 'drift'),
  )

/** Calls hooks at the same time, each with a time limit of ten seconds. Never rejects. `redact` removes secrets from what is sent; `cancel` ends all that wait. */
export const callHooks = (
  hooks: readonly OpenHook[],
  event: HookEvent,
  summary: RunSummary,
  redact: (text: string) => string,
  { send = post, cancel }: { readonly send?: Post; readonly cancel?: AbortSignal } = {},
): Promise<HookResult[]> =>
  Promise.all(
    hooks.map(async (hook): Promise<HookResult> => {
      const { url, token, type } = hook
      const safe = withTexts(summary, redact)
      const problem = await send(requestOf({ type, url, token }, event, safe), HOOK_MS, cancel)
      return { hook, host: hostOf(url), problem }
    }),
  )

/** "the hook hooks.on_failure[0] (slack at hooks.slack.com) was not called: ETIMEDOUT" */
export const hookWarning = ({ hook, host, problem }: HookResult): string =>
  `the hook ${hook.key} (${hook.type} at ${host}) was not called: ${problem ?? ''}`
