// `npm run faults` (docs/reliability.md): 60 cases, and with FMC_TEST_FAULTS=300 that many, hand changes and a planted defect.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Verdict } from './case.ts'
import { FAULTS, random, shuffled, type Cell, type Fault } from './cells.ts'
import { DEFECTS } from './planted.ts'
import { earlier, first, pairsOf, playAll, remember } from './play-all.ts'
import { WORKLOADS } from './workloads/index.ts'

const ROOT = join(import.meta.dirname, '../..')

const faults = (...args: readonly string[]): Promise<{ code: number; text: string }> =>
  new Promise((resolve, reject) => {
    const loader = join(ROOT, 'scripts/load-ts.js')
    const main = join(import.meta.dirname, 'faults.ts')
    const child = spawn(process.execPath, [`--import=${loader}`, main, ...args], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: undefined },
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (some: string) => (text += some))
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 128, text }))
  })

const root = process.getuid?.() === 0 ? {} : { skip: 'the light hosts need root' }
const asked = process.env['FMC_TEST_FAULTS']
const count = Number(asked ?? 60)
const long =
  asked === undefined ? { skip: 'FMC_TEST_FAULTS=300 plays this and 300 cases, in minutes' } : root
/** Each of its cases takes several times as long as another one. */
const FEW = 'packages'
const many = WORKLOADS.filter(w => w.name !== FEW).flatMap(w => ['--workload', w.name])

void t.test('cases', { ...root, timeout: 900_000 }, async t => {
  const ran = await faults('--cases', String(count), ...many)
  t.equal(ran.code, 0, ran.text)
  for (const fault of Object.keys(FAULTS))
    t.match(ran.text, new RegExp(`^${fault.replace('/', '.')}  .*$`, 'm'))
  t.match(ran.text, new RegExp(`^all +${count} `, 'm'))
  t.comment(ran.text)
  const few = await faults('--cases', '6', '--workload', FEW)
  t.equal(few.code, 0, few.text)
})

void t.test('hand changes', { ...long, timeout: 600_000 }, async t => {
  const ran = await faults('--drift', '--cases', '40', ...many)
  t.equal(ran.code, 0, ran.text)
  t.match(ran.text, /^40 drifts with \d+ hand changes, 0 with violations$/m)
})

void t.test('a planted defect is found', { ...long, timeout: 600_000 }, async t => {
  const ran = await faults('--planted', 'a handler is not marked', '--cases', '200')
  t.equal(ran.code, 0, ran.text)
  t.match(ran.text, /case \d+ {2}a handler is not marked\n1 of 1 found/)
})

void t.test('cases at the same time, and a run that goes on', async t => {
  const cell = (n: number): Cell => ({
    id: `c${n}`,
    workload: 'files',
    host: 'a',
    fault: 'disk full',
    at: { command: n, when: 1 },
  })
  const verdict = (id: string, violations: string[] = []): Verdict => ({
    id,
    fault: 'disk full',
    violations,
    hit: true,
    ms: 1,
  })
  const cells = Array.from({ length: 12 }, (_, n) => [cell(n + 1)])
  const file = join(t.testdir({ state: '' }), 'state')
  writeFileSync(file, `${JSON.stringify(verdict('c2'))}\n{"id":"c3","fau`)
  const done = earlier(file, true)
  t.strictSame([...done.keys()], ['c2'], 'a line that is cut counts for nothing')
  const told: number[] = []
  let [now, most] = [0, 0]
  const seen: string[] = []
  const played = await playAll(
    cells,
    async ([c]) => {
      most = Math.max(most, ++now)
      await sleep(20 - (c?.at.command ?? 0))
      now--
      seen.push(c?.id ?? '')
      return verdict(c?.id ?? '')
    },
    {
      jobs: 3,
      untilFound: false,
      done,
      told: ({ number }) => void told.push(number),
      ended: v => remember(file, v),
    },
  )
  t.strictSame(told, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 'in order, whichever ended first')
  t.strictSame(
    played.map(p => p.verdict.id),
    cells.map(([c]) => c?.id),
  )
  t.equal(most, 3)
  t.notOk(seen.includes('c2'), 'what the file has is not played again')
  t.equal(earlier(file, true).size, 12)
  t.equal(earlier(file, false).size, 0, 'without --resume it begins anew')
  const found = await playAll(
    cells,
    ([c]) => Promise.resolve(verdict(c?.id ?? '', c?.id === 'c4' ? ['bad'] : [])),
    { jobs: 1, untilFound: true, done: new Map(), told: () => undefined, ended: () => undefined },
  )
  t.equal(found.length, 4)
  const pairs = [...first(pairsOf([cell(1), cell(2)], 1), 5)]
  t.ok(pairs.every(p => p.length === 2))
})

void t.test('every planted defect still fits the code', t => {
  t.ok(DEFECTS.length >= 25, `${DEFECTS.length} defects`)
  t.equal(new Set(DEFECTS.map(d => d.name)).size, DEFECTS.length, 'of different names')
  for (const { name, edits } of DEFECTS)
    for (const { file, from } of edits)
      t.equal(
        readFileSync(join(ROOT, file), 'utf8').split(from).length,
        2,
        `${name}: ${file} has it once`,
      )
  t.end()
})

void t.test('the order of the cases', t => {
  const cells = ['files', 'edits'].flatMap(workload =>
    (Object.keys(FAULTS) as Fault[]).flatMap(fault =>
      Array.from({ length: 5 }, (_, command): Cell => ({
        id: `${workload}/${fault}/${command}`,
        workload,
        host: 'a',
        fault,
        at: { command, when: 'sent' },
      })),
    ),
  )
  const ids = (seed: number): string[] => shuffled(cells, seed).map(c => c.id)
  t.strictSame(ids(1), ids(1), 'a seed gives the same order')
  t.notSame(ids(1), ids(2))
  t.strictSame(ids(1).toSorted(), cells.map(c => c.id).toSorted(), 'each case once')
  const kinds = Object.keys(FAULTS).length
  t.equal(
    new Set(
      shuffled(cells, 3)
        .slice(0, kinds)
        .map(c => c.fault),
    ).size,
    kinds,
    'the faults take turns',
  )
  const next = random(7)
  const numbers = Array.from({ length: 1000 }, next)
  t.ok(numbers.every(n => n >= 0 && n < 1))
  t.ok(new Set(numbers).size > 990)
  t.end()
})

void t.test('what is asked for wrongly is one clear line', root, async t => {
  for (const [args, said] of [
    [['--cases', 'many'], /^--cases "many": expected a number from 1 to 999999999\n$/],
    [['--only', 'fire'], /^--only "fire": expected one of runner killed, /],
    [['--workload', 'fire'], /^--workload "fire": expected one of files, /],
    [['--planted', 'fire'], /^--planted: expected names of "a file is not synced/],
    [['fire'], /^fire: not an option\n$/],
    [['--fire'], /'--fire'/],
  ] as const) {
    const ran = await faults(...args)
    t.equal(ran.code, 1)
    t.match(ran.text, said)
  }
})
