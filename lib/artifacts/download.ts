import { TaskError } from '../errors.ts'
import type { ArtifactOptions } from './types.ts'

const REDIRECTS = 10
const MOVED = new Set([301, 302, 303, 307, 308])
const STALL_MS = 30_000

/**
 * The bytes of an https URL, following redirects to https only. TaskError when there is no answer, the status is not 200,
 * no data comes for `stallMs`, or the body is shorter than announced.
 */
export async function* download(
  url: string,
  options: Pick<ArtifactOptions, 'fetch' | 'stallMs' | 'onBytes'> = {},
): AsyncGenerator<Uint8Array> {
  const stallMs = options.stallMs ?? STALL_MS
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new TaskError(silent(url, stallMs))), stallMs)
  try {
    const response = await answer(url, options.fetch ?? fetch, stop.signal)
    let received = 0
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      timer.refresh()
      received += piece.length
      options.onBytes?.(received, announced(response))
      yield piece
    }
    checkLength(url, response, received)
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : described(url, error)
  } finally {
    clearTimeout(timer)
    // Ends the connection if the consumer has stopped early.
    stop.abort()
  }
}

const silent = (url: string, ms: number): string => `${url}: no data for ${ms / 1000} s`

const answer = async (
  first: string,
  get: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<Response> => {
  let url = first
  for (let i = 0; i <= REDIRECTS; i++) {
    // identity: with a Content-Encoding, length and checksum would be those of the encoded bytes.
    const headers = { 'accept-encoding': 'identity', 'user-agent': 'fmc' }
    const response = await get(url, { redirect: 'manual', headers, signal })
    const location = response.headers.get('location')
    if (response.status === 200) return response
    await response.body?.cancel()
    if (!MOVED.has(response.status) || location === null)
      throw new TaskError(`${url}: the server answered ${response.status}`)
    const next = new URL(location, url)
    if (next.protocol !== 'https:')
      throw new TaskError(`${url}: redirected to ${next.origin}, which is not https`)
    url = next.href
  }
  throw new TaskError(`${first}: more than ${REDIRECTS} redirects`)
}

const checkLength = (url: string, response: Response, received: number): void => {
  const size = announced(response)
  if (size !== undefined && size !== received)
    throw new TaskError(`${url}: ended after ${received} of ${size} bytes`)
}

const announced = ({ headers }: Response): number | undefined => {
  const size = headers.get('content-length')
  return size === null ? undefined : Number(size)
}

const described = (url: string, error: unknown): TaskError => {
  if (error instanceof TaskError) return error
  // fetch says only "fetch failed"; the reason is in the cause.
  const { cause } = error as Error
  const why = cause instanceof Error ? cause : (error as Error)
  const code = (why as NodeJS.ErrnoException).code
  return new TaskError(`${url}: ${code === undefined ? why.message : `${code} (${why.message})`}`)
}
