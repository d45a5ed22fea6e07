import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Failure, Outcome, Target } from './harness.ts'
import { PLANTED } from './targets/planted.ts'
import { TARGETS } from './targets/index.ts'
import { watch } from './watchdog.ts'

process.setSourceMapsEnabled(true)

const USAGE = `npm run fuzz -- [options]
  --cases N      cases over all targets (default 10000000)
  --target NAME  only this one, or those whose names begin so
  --seed N       default: another one every time
  --path P       only that case of --target and --seed: sees a failure again
  --json         one line of JSON per target instead of a table
  --list         the targets
`
/** So many cases of a target at a time: what has been proven grows evenly, and a failure shows early. */
const ROUND = 20_000

const { values: o } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000000' },
    target: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
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
  `npm run fuzz -- --target ${name} --seed ${seed} --path ${path}`

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
  const share = (t: Target): number => Math.max(1, Math.round((cases * t.weight) / weights))
  const sums = new Map(targets.map(t => [t, { cases: 0, ms: 0 } as Sum]))
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

async function main(): Promise<number> {
  if (o.help) return (void process.stdout.write(USAGE), 0)
  if (o.list) return (void process.stdout.write(TARGETS.map(t => `${t.name}\n`).join('')), 0)
  const seed = o.seed === undefined ? randomInt(2 ** 31) : number('seed', o.seed)
  const targets = chosen()
  watch(`npm run fuzz -- --seed ${seed}`)
  if (o.path === undefined) return rounds(targets, number('cases', o.cases), seed)
  const [one, ...more] = targets
  if (one === undefined || more.length > 0) {
    process.stderr.write('fuzz: --path wants one --target\n')
    return 1
  }
  const { failure } = await one.run({ seed, cases: ROUND, path: o.path })
  process.stdout.write(failure ? explain(one, failure) : `${one.name}: this case holds\n`)
  return failure ? 1 : 0
}

process.exit((await main()) === 0 ? 0 : 1)
