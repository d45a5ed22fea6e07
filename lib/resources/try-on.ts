import type { Host } from '../inventory/types.ts'
import { on } from './inventory.ts'

/**
 * The result of `tryOn`: what the function returned, or why it did not.
 *
 * @example
 * const shown = (tried: Tried<string>): string => (tried.ok ? tried.value : tried.reason)
 */
export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly error: unknown }

/**
 * Like `on`, but gives the reason instead of throwing when the host is unreachable or the function fails. Only an
 * interrupted run still throws.
 *
 * @example
 * const [server] = hosts('k3s_servers')
 * const tried = server && (await tryOn(server, async () => (await probe`k3s --version`).stdout))
 * const version = tried?.ok ? tried.value : 'unknown'
 */
export async function tryOn<T>(other: Host, fn: () => Promise<T>): Promise<Tried<T>> {
  try {
    return { ok: true, value: await on(other, fn) }
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return { ok: false, reason: error instanceof Error ? error.message : String(error), error }
  }
}
