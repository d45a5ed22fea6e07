// The published schema of NDJSON (files/events.schema.json): current, and every line that runs print keeps to it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { inContract, ndjson } from '../../lib/report/contract.ts'
import { contractLine, eventsJsonSchema } from '../../lib/report/contract-schema.ts'
import { demandContract } from './demand-contract.ts'
import { events, hundred, twelve } from './streams.ts'

const file = join(import.meta.dirname, '../../files/events.schema.json')
const { $schema, ...published } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
const isLine = new Ajv({ strict: true, allowUnionTypes: true }).compile(published)

const counts = {
  ok: 1,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
}
const task: Event & { type: 'task' } = {
  ...{ type: 'task', host: 'web1', play: 'Web', role: 'web', task: 'file /etc/x' },
  ...{ status: 'ok', predicted: false, changes: [], ms: 0.5 },
}
const failure = { message: 'no', hint: 'a', command: 'b', output: 'c' }
/** Every optional field at least once. */
const full: readonly Event[] = [
  { type: 'version', fmc: '1', contract: 1 },
  {
    ...{ type: 'start', command: 'play health', dryRun: true, lab: false, readOnly: true },
    ...{ plays: [{ play: 'Web', hosts: ['web1'], roles: ['web'] }], hosts: ['web1'] },
  },
  { type: 'note', level: 'info', text: 'x', host: 'web1' },
  { type: 'pass', pass: 'apply', state: 'start', planned: 3 },
  {
    ...task,
    ...{ delegatedBy: 'a', note: 'n', drift: true, ended: 1, unpredicted: true, unneeded: true },
    ...{ estimate: true, failure, changes: [{ what: 'content', diff: '+a' }] },
  },
  { type: 'host', host: 'web1', state: 'new', by: 'hypervisor' },
  { type: 'host', host: 'web1', state: 'failed', failure: { message: 'm' } },
  {
    ...{ type: 'page', title: 'Health' },
    findings: [{ level: 'fine', text: 'x', details: ['y'], hint: 'z' }],
  },
  {
    ...{
      type: 'recap',
      ...counts,
      dryRun: false,
      seconds: 1.5,
      hosts: { web1: counts },
      exitCode: 130,
    },
    ...{
      new: ['a'],
      locked: ['b'],
      undone: { a: 1 },
      notReached: { a: ['Web'] },
      stoppedBy: 'Web',
      next: 'fmc',
    },
  },
]

void t.test('files/events.schema.json is current', t => {
  t.same(
    { $schema, ...published },
    eventsJsonSchema(),
    'else: fmc explain --schema > files/events.schema.json',
  )
  t.match(published['description'], /Ignore fields and types that you do not know/)
  t.end()
})

void t.test('every event of the contract, with every field', t => {
  const runs = [twelve(true), twelve(false, true), hundred(false)].map(script =>
    events(script).map(([, e]) => e),
  )
  for (const event of [...full, ...runs.flat()].filter(inContract)) {
    const line: unknown = JSON.parse(ndjson(event))
    demandContract(line)
    if (!isLine(line)) t.fail(JSON.stringify([line, isLine.errors]))
  }
  t.pass('all checked')
  t.end()
})

void t.test(
  'readers may meet fields of a later version; this version has none that are not in the schema',
  t => {
    const later = { ...task, invented: true }
    t.ok(isLine(later), 'the published schema allows them')
    t.throws(() => demandContract(later), /invented/)
    t.notOk(isLine({ ...task, ms: '1' }), 'but not another type')
    t.notOk(isLine({ ...task, status: 'fine' }))
    t.notOk(isLine({ ...task, host: undefined }))
    t.notOk(contractLine.safeParse({ type: 'working' }).success)
    t.end()
  },
)
