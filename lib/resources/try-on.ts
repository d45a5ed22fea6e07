import type { Host } from '../inventory/types.ts'
import { on } from './inventory.ts'

/** What another host answered, or why it did not. */
export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly error: unknown }

/**
 * `on` for a question that may go unanswered: gives the answer, or the reason why there is none (the host is
 * unreachable, its answer makes no sense). Only an interrupted run still throws.
 *
 *     const asked = await tryOn(server, stateHere)
 *     return asked.ok ? asked.value : asked.reason
 */
export async function tryOn<T>(other: Host, fn: () => Promise<T>): Promise<Tried<T>> {
  try {
    return { ok: true, value: await on(other, fn) }
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return { ok: false, reason: error instanceof Error ? error.message : String(error), error }
  }
}
