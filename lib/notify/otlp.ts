import { hostOf, post, type Post } from './post.ts'
import { exportOf, spansOf, type TracedRun } from './spans.ts'
import { withTexts } from './texts.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Where spans go. */
export interface Collector {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** For all requests together. */
  readonly ms: number
  /** Attributes of the resource. */
  readonly resource: Readonly<Record<string, string>>
}

const DEFAULT_MS = 10_000
/** A run does not wait longer for a collector, whatever the environment says. */
const MOST_MS = 30_000
/** Collectors refuse bodies of many megabytes; a span has some hundred bytes. */
const SPANS_PER_REQUEST = 2000

/**
 * The collector that the standard variables name, or undefined: OTEL_EXPORTER_OTLP_ENDPOINT (…/v1/traces is added),
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (as it is), …_HEADERS, …_TIMEOUT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, and
 * OTEL_SDK_DISABLED and OTEL_TRACES_EXPORTER=none, which turn it off (opentelemetry.io/docs/specs/otel, "OTLP Exporter
 * Configuration" and "SDK Environment Variables"). fmc sends http/json, whatever …_PROTOCOL says.
 */
export function collectorOf(env: Env): Collector | undefined {
  const of = (name: string): string | undefined =>
    env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`] || undefined
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined
  if (env['OTEL_TRACES_EXPORTER'] === 'none') return undefined
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || undefined
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'] || undefined
  const url = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`)
  if (url === undefined) return undefined
  const ms = Number(of('TIMEOUT') ?? DEFAULT_MS)
  return {
    url,
    headers: pairs(of('HEADERS')),
    ms: Number.isFinite(ms) && ms > 0 ? Math.min(ms, MOST_MS) : DEFAULT_MS,
    resource: {
      ...pairs(env['OTEL_RESOURCE_ATTRIBUTES']),
      'service.name':
        env['OTEL_SERVICE_NAME'] || pairs(env['OTEL_RESOURCE_ATTRIBUTES'])['service.name'] || 'fmc',
    },
  }
}

/** "key=value,key2=value2", the values in percent encoding. */
function pairs(text = ''): Record<string, string> {
  return Object.fromEntries(
    text.split(',').flatMap(part => {
      const at = part.indexOf('=')
      const key = part.slice(0, at).trim()
      return at < 1 || key === '' ? [] : [[key, decoded(part.slice(at + 1).trim())]]
    }),
  )
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Sends a run's spans within the collector's time limit. Undefined, or one sentence: why not, and without the address. Never rejects. */
export async function sendSpans(
  collector: Collector,
  run: TracedRun,
  version: string,
  redact: (text: string) => string,
  { send = post, cancel }: { readonly send?: Post; readonly cancel?: AbortSignal } = {},
): Promise<string | undefined> {
  const until = Date.now() + collector.ms
  const spans = withTexts(spansOf(run), redact)
  for (let at = 0; at < spans.length; at += SPANS_PER_REQUEST) {
    const left = until - Date.now()
    const body = JSON.stringify(
      exportOf(spans.slice(at, at + SPANS_PER_REQUEST), collector.resource, version),
    )
    const headers = { ...collector.headers, 'content-type': 'application/json' }
    const problem =
      left <= 0
        ? `no answer within ${collector.ms / 1000} s`
        : await send({ url: collector.url, headers, body }, left, cancel)
    if (problem !== undefined)
      return `the spans of this run were not sent to ${hostOf(collector.url)}: ${problem}`
  }
  return undefined
}
