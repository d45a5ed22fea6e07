// Spans of a run: their tree, ids and times, the standard variables, and a collector that does not answer.
import t from 'tap'
import { z } from 'zod'
import type { Event } from '../../lib/engine/events.ts'
import { collectorOf, sendSpans } from '../../lib/notify/otlp.ts'
import { exportOf, spansOf, traceOf, type TracedRun } from '../../lib/notify/spans.ts'
import { redactor } from '../../lib/secrets/redact.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { events, hundred, twelve } from '../report/streams.ts'
import { service } from './service.ts'

const BEGIN = Date.UTC(2026, 10, 30)
const traced = (script = twelve(false, true), id = 'a1b2c3d4'): TracedRun => {
  const all = events(script).map(([after, event]) => ({ at: BEGIN + after, event }))
  const end = all.at(-1)?.at ?? 0
  return { id, command: 'play site', dryRun: false, exitCode: 4, begin: BEGIN, end, events: all }
}

/** The part of opentelemetry-proto that fmc uses, in its JSON encoding. Nothing else may be there. */
const attributes = z.array(
  z.strictObject({
    key: z.string().min(1),
    value: z.union([
      z.strictObject({ stringValue: z.string() }),
      z.strictObject({ boolValue: z.boolean() }),
      z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
    ]),
  }),
)
const nano = z.string().regex(/^\d{19}$/)
const span = z.strictObject({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  name: z.string().min(1),
  kind: z.literal(1),
  startTimeUnixNano: nano,
  endTimeUnixNano: nano,
  attributes,
  events: z.array(z.strictObject({ timeUnixNano: nano, name: z.string(), attributes })).optional(),
  status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
})
const EXPORT = z.strictObject({
  resourceSpans: z.tuple([
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeSpans: z.tuple([
        z.strictObject({
          scope: z.strictObject({ name: z.literal('fmc'), version: z.string() }),
          spans: z.array(span).min(1),
        }),
      ]),
    }),
  ]),
})

void t.test('run → play → host → task: each span lies in its parent', t => {
  for (const run of [traced(), traced(hundred(false)), traced(twelve(true))]) {
    const spans = spansOf(run)
    EXPORT.parse(exportOf(spans, { 'service.name': 'fmc' }, '1'))
    const byId = new Map(spans.map(one => [one.spanId, one]))
    t.equal(byId.size, spans.length, 'ids are unique')
    const depth = (id: string | undefined): number => {
      const parent = byId.get(id ?? '')?.parentSpanId
      return parent === undefined ? 0 : 1 + depth(parent)
    }
    for (const one of spans) {
      const parent = byId.get(one.parentSpanId ?? '')
      if (!parent) t.equal(one, spans[0], 'only the run has no parent')
      else if (
        one.startTimeUnixNano < parent.startTimeUnixNano ||
        one.endTimeUnixNano > parent.endTimeUnixNano
      )
        t.fail(`${one.name} is not in ${parent.name}`)
      if (one.endTimeUnixNano < one.startTimeUnixNano) t.fail(`${one.name} ends before it begins`)
    }
    t.equal(Math.max(...spans.map(one => depth(one.spanId))), 3)
    const tasks = run.events.filter(({ event }) => event.type === 'task').length
    t.equal(spans.filter(one => depth(one.spanId) === 3).length, tasks, 'one for each task')
  }
  t.end()
})

void t.test('ids come from the id of the run', t => {
  t.same(spansOf(traced()), spansOf(traced()))
  const other = new Set(spansOf(traced(undefined, 'ffffffff')).map(one => one.spanId))
  t.notOk(spansOf(traced()).some(one => other.has(one.spanId)))
  t.equal(spansOf(traced())[0]?.traceId, traceOf('a1b2c3d4'))
  t.end()
})

void t.test(
  'a failure is the status of the task and of what is above it; output is left out',
  t => {
    const spans = spansOf(traced())
    const failed = spans.filter(one => one.status.code === 2)
    t.same(
      failed.map(one => one.name),
      [
        'fmc play site',
        'Database',
        'postgresql1',
        'postgresql › file /etc/postgresql/15/main/conf.d/fmc.conf',
      ],
    )
    t.equal(failed.at(-1)?.status.message, 'the new content is not valid; the old file is in place')
    t.match(JSON.stringify(spans[0]), /"host lost".*worker3/)
    t.notMatch(JSON.stringify(spans), 'shared_buffers', 'no output')
    t.end()
  },
)

void t.test('the standard variables', t => {
  const of = (env: Record<string, string>) => collectorOf(env)
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318/' }
  t.equal(of({}), undefined, 'off by default')
  t.equal(of(base)?.url, 'http://otel:4318/v1/traces')
  t.equal(
    of({ ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x' })?.url,
    'http://t/x',
    'as it is',
  )
  t.same(
    of({ ...base, OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20abc=, x-a = 1,bad,=no' })
      ?.headers,
    {
      Authorization: 'Basic abc=',
      'x-a': '1',
    },
  )
  t.same(
    of({ ...base, OTEL_EXPORTER_OTLP_HEADERS: 'a=1', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=%zz' })
      ?.headers,
    { b: '%zz' },
  )
  t.equal(of({ ...base, OTEL_EXPORTER_OTLP_TIMEOUT: '500' })?.ms, 500)
  t.equal(
    of({ ...base, OTEL_EXPORTER_OTLP_TIMEOUT: '999999999' })?.ms,
    30_000,
    'a run does not wait for ever',
  )
  t.equal(of({ ...base, OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' })?.ms, 10_000)
  t.equal(of({ ...base, OTEL_SDK_DISABLED: 'true' }), undefined)
  t.equal(of({ ...base, OTEL_TRACES_EXPORTER: 'none' }), undefined)
  t.same(
    of({ ...base, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=home,service.name=a' })
      ?.resource,
    {
      'deployment.environment': 'home',
      'service.name': 'a',
    },
  )
  t.equal(of({ ...base, OTEL_SERVICE_NAME: 'mine' })?.resource['service.name'], 'mine')
  t.end()
})

const collector = (url: string, ms = 2000) => ({
  url,
  headers: { 'x-key': 'CANARY' },
  ms,
  resource: { 'service.name': 'fmc' },
})

void t.test('spans are sent in requests that a collector takes, without secrets', async t => {
  const { got, url } = await service(t)
  const many = traced(hundred(false))
  const task = many.events.find(({ event }) => event.type === 'task')?.event as Event & {
    type: 'task'
  }
  const extra = Array.from({ length: 4500 }, (_, i) => ({
    at: many.end,
    event: { ...task, task: `t${i}` },
  }))
  const hide = redactor([new Secret('the new content is not valid')])
  const problem = await sendSpans(
    collector(`${url}/v1/traces`),
    { ...many, events: [...many.events, ...extra] },
    '1',
    hide,
  )
  t.equal(problem, undefined)
  t.equal(got.length, 3)
  for (const { body, headers, url: path } of got) {
    t.match(headers, { 'content-type': 'application/json', 'x-key': 'CANARY' })
    t.equal(path, '/v1/traces')
    t.ok(EXPORT.parse(JSON.parse(body)))
    t.notMatch(body, 'the new content is not valid')
  }
})

void t.test('a collector that fails or hangs costs one sentence with its host', async t => {
  const down = await service(t, 503)
  const hung = await service(t, 0)
  for (const { url, host } of [down, hung]) {
    const problem = await sendSpans(collector(`${url}/CANARY`, 200), traced(), '1', x => x)
    t.match(problem, `the spans of this run were not sent to ${host}: `)
    t.notMatch(problem, 'CANARY')
  }
  t.match(
    await sendSpans(collector('CANARY'), traced(), '1', x => x),
    'an address that is no URL: expected a URL',
  )
})
