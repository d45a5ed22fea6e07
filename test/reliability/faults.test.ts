// `npm run faults` (docs/reliability.md): what of it needs no minutes, and with FMC_TEST_FAULTS=300 that many cases.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FAULTS, random, shuffled, type Cell, type Fault } from './cells.ts'
import { DEFECTS } from './planted.ts'
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
const count = Number(process.env['FMC_TEST_FAULTS'] ?? 0)
const long = count > 0 ? root : { skip: 'FMC_TEST_FAULTS=300 plays 300 cases, in several minutes' }
/** Each of its cases takes several times as long as another one. */
const FEW = 'packages'
const many = WORKLOADS.filter(w => w.name !== FEW).flatMap(w => ['--workload', w.name])

void t.test('cases', { ...long, timeout: 900_000 }, async t => {
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
