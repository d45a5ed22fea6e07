/** One HTTP request to a service that the user has named: with a time limit, and without the address in any error. */

/** A request. `url` may be secret: it is never shown, only its host. */
export interface Outgoing {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * Sends a request. Undefined: a status of 2xx; else why not, without address, header or body. `cancel`: it is not waited for any more.
 * Never rejects.
 */
export type Post = (
  request: Outgoing,
  ms: number,
  cancel?: AbortSignal,
) => Promise<string | undefined>

/** How long a hook may take. */
export const HOOK_MS = 10_000

/** What errors may show of an address: its host, without user, path and query. */
export function hostOf(url: string): string {
  const parsed = parse(url)
  return parsed === undefined || parsed.host === '' ? 'an address that is no URL' : parsed.host
}

const parse = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

/**
 * POST with fetch. It follows no redirect: another server would get what is meant for this one. User and password of the URL
 * become Basic authentication (RFC 7617). fetch ignores HTTPS_PROXY.
 */
export const post: Post = async ({ url, headers, body }, ms, cancel) => {
  const parsed = parse(url)
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    return 'expected a URL with https:// or http://'
  const login =
    parsed.username === '' && parsed.password === ''
      ? undefined
      : `${decoded(parsed.username)}:${decoded(parsed.password)}`
  parsed.username = parsed.password = ''
  try {
    const response = await fetch(parsed, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(ms), ...(cancel ? [cancel] : [])]),
      headers: {
        'user-agent': 'fmc',
        ...headers,
        ...(login === undefined
          ? {}
          : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
      },
      body,
    })
    await response.body?.cancel()
    if (response.ok) return undefined
    return response.status >= 300 && response.status < 400
      ? `it redirects (HTTP ${response.status}), and fmc follows no redirect: use the address that it names`
      : `it answered HTTP ${response.status}`
  } catch (error) {
    return cancel?.aborted ? 'interrupted' : reason(error, ms)
  }
}

/** Without percent encoding; a text with a percent sign of its own, which URL leaves alone, as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Messages of fetch quote the address or a header, so only codes are shown. */
function reason(error: unknown, ms: number): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `no answer within ${ms / 1000} s`
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : ''
  return typeof code === 'string' && /^[A-Z0-9_]+$/.test(code)
    ? code
    : 'the request could not be made: is a character in the address or the token that HTTP does not allow?'
}
