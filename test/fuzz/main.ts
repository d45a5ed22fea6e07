import { randomInt } from 'node:crypto'
import { inspect, parseArgs } from 'node:util'
import { held, printable, type Failure, type Outcome, type Target } from './harness.ts'
import { guided } from './guided.ts'
import { quote } from '../../lib/shell/quote.ts'
import { PLANTED } from './targets/planted.ts'
import { TARGETS } from './targets/index.ts'
import { watch } from './watchdog.ts'

process.setSourceMapsEnabled(true)

const USAGE = `npm run fuzz -- [options]
  --cases N      cases over all targets (default 10000000)
  --target NAME  only this one, or those whose names begin so
  --seed N       default: another one every time
  --path P       only that case of --target and --seed: sees a failure again
  --guided       let inputs live that reach new branches of the code, where targets read texts
  --input JSON   one text for one --target, as --guided shows it
  --hang N       seconds after which a case is said never to end (default 60)
  --json         one line of JSON per target instead of a table
  --list         the targets
`
/** Cases of a target at a time. All targets progress evenly, and a failure shows early. */
const ROUND = 20_000

const { values: o } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000000' },
    target: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    guided: { type: 'boolean', default: false },
    input: { type: 'string' },
    hang: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

interface Sum {
  cases: number
  ms: number
  failure?: Failure
}

const number = (name: string, text: string): number => {
  if (/^-?\d{1,10}$/.test(text)) return Number(text)
  process.stderr.write(`fuzz: --${name} ${text}: expected a number\n`)
  process.exit(1)
}

const chosen = (): readonly Target[] => {
  const name = o.target
  if (name === undefined) return TARGETS
  const found = [...TARGETS, ...PLANTED].filter(t => t.name === name)
  const some = found.length > 0 ? found : TARGETS.filter(t => t.name.startsWith(name))
  if (some.length > 0) return some
  process.stderr.write(`fuzz: no target ${name}; --list names them\n`)
  process.exit(1)
}

const replay = (name: string, { seed, path }: Failure): string =>
  `npm run fuzz -- --target ${name} --seed ${seed}${path === '' ? '' : ` --path ${path}`}`

const show = (t: Target, sum: Sum): string =>
  `${t.name.padEnd(34)} ${String(sum.cases).padStart(9)} cases ${(sum.ms / 1000).toFixed(1).padStart(7)} s  ${sum.failure ? 'FAILED' : 'ok'}\n`

const explain = (t: Target, failure: Failure): string =>
  `\n${t.name} failed with the input\n${indent(failure.input)}\n${indent(failure.error)}\nreplay: ${replay(t.name, failure)}\n`

const indent = (text: string): string =>
  text
    .slice(0, 4000)
    .split('\n')
    .map(line => `  ${line}`)
    .join('\n')

async function rounds(targets: readonly Target[], cases: number, seed: number): Promise<number> {
  const weights = targets.reduce((sum, t) => sum + t.weight, 0)
  const share = (t: Target): number => Math.ceil((cases * t.weight) / weights)
  const sums = new Map<Target, Sum>(targets.map(t => [t, { cases: 0, ms: 0 }]))
  for (let round = 0; ; round++) {
    const open = targets.filter(t => {
      const sum = sums.get(t)
      return sum && !sum.failure && sum.cases < share(t)
    })
    if (open.length === 0) break
    for (const t of open) {
      const sum = sums.get(t)
      if (!sum) continue
      const size = Math.min(Math.ceil(ROUND * t.weight), share(t) - sum.cases)
      // fast-check's seeds are 32-bit.
      add(sum, await t.run({ seed: (seed + round) | 0, cases: size }))
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${total(sums)} ${t.name}`)
      if (sum.failure) process.stderr.write(explain(t, sum.failure))
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  for (const [t, sum] of sums)
    process.stdout.write(
      o.json
        ? `${JSON.stringify({ target: t.name, ...sum, replay: sum.failure && replay(t.name, sum.failure) })}\n`
        : show(t, sum),
    )
  if (!o.json) process.stdout.write(`${total(sums)}, seed ${seed}\n`)
  return [...sums.values()].filter(sum => sum.failure).length
}

/** Each target that reads texts, by its branches. */
async function byBranches(
  targets: readonly Target[],
  cases: number,
  seed: number,
): Promise<number> {
  const able = targets.filter(isGuided)
  const each = Math.ceil(cases / Math.max(1, able.length))
  let failed = 0
  for (const t of able) {
    const { failure, ...sum } = await guided(t, { seed, cases: each })
    process.stdout.write(
      `${show(t, { ...sum, ...(failure && { failure: failure as never }) }).trimEnd()}, ${sum.branches} branches, ${sum.corpus} inputs live\n`,
    )
    if (failure === undefined) continue
    failed++
    process.stderr.write(
      `\n${indent(failure.error)}\nreplay: npm run fuzz -- --target ${t.name} --input ${quote(failure.input)}\nor: npm run fuzz -- --guided --target ${t.name} --seed ${seed} --cases ${failure.at + 1}\n`,
    )
  }
  return failed
}

type GuidedTarget = Target & { readonly guided: NonNullable<Target['guided']> }
const isGuided = (t: Target): t is GuidedTarget => t.guided !== undefined

const add = (sum: Sum, { cases, ms, failure }: Outcome): void => {
  sum.cases += cases
  sum.ms += ms
  if (failure) sum.failure = failure
}

const total = (sums: ReadonlyMap<Target, Sum>): string => {
  const all = [...sums.values()]
  const failed = all.filter(s => s.failure).length
  return `${all.reduce((n, s) => n + s.cases, 0)} cases, ${failed} of ${all.length} targets failed`
}

async function oneText(t: Target, json: string): Promise<number> {
  if (!isGuided(t)) throw new Error(`${t.name} reads no text`)
  try {
    await held(t.guided.holds, JSON.parse(json) as string)
  } catch (error) {
    process.stdout.write(`${t.name} failed\n${indent(printable(inspect(error)))}\n`)
    return 1
  }
  process.stdout.write(`${t.name}: this text holds\n`)
  return 0
}

async function main(): Promise<number> {
  if (o.help) return (void process.stdout.write(USAGE), 0)
  if (o.list) return (void process.stdout.write(TARGETS.map(t => `${t.name}\n`).join('')), 0)
  const seed = o.seed === undefined ? randomInt(2 ** 31) : number('seed', o.seed)
  const targets = chosen()
  watch(number('hang', o.hang) * 1000)
  if (o.guided) return byBranches(targets, number('cases', o.cases), seed)
  if (o.path === undefined && o.input === undefined)
    return rounds(targets, number('cases', o.cases), seed)
  const [one, ...more] = targets
  if (one === undefined || more.length > 0) {
    process.stderr.write('fuzz: --path and --input want one --target\n')
    return 1
  }
  if (o.input !== undefined) return oneText(one, o.input)
  const { failure } = await one.run({ seed, cases: ROUND, path: o.path })
  process.stdout.write(failure ? explain(one, failure) : `${one.name}: this case holds\n`)
  return failure ? 1 : 0
}

process.exit((await main()) === 0 ? 0 : 1)
