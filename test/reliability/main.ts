import { writeFileSync } from 'node:fs'
import { makeBase } from './base.ts'
import { play, type Verdict } from './case.ts'
import { cellsOf, type Cell } from './cells.ts'
import { drift } from './drift.ts'
import type { Options } from './options.ts'
import {
  casesOf,
  earlier,
  first,
  idOf,
  pairsOf,
  playAll,
  remember,
  type Cells,
  type Played,
} from './play-all.ts'
import { hostProgram } from './program.ts'
import { record, type Place, type Recorded } from './record.ts'
import { beRunner, Runner } from './runner.ts'
import { inventoryOf } from './runs.ts'
import { summary } from './summary.ts'
import { WORKLOADS } from './workloads/index.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(o: Options): Promise<number> {
  const base = makeBase(await hostProgram())
  let spare: Runner | undefined
  const end = (): void => {
    spare?.end()
    base.remove()
  }
  process.once('exit', end)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const inventory = await inventoryOf(base)
  const place: Place = { base, inventory }
  const chosen = WORKLOADS.filter(w => o.workloads.length === 0 || o.workloads.includes(w.name))
  const recorded = new Map(
    await Promise.all(chosen.map(async w => [w.name, await record(place, w)] as const)),
  )
  const leaks = [...recorded.values()].flatMap(r =>
    r.leaks.map(l => `${r.workload.name}: a secret in the ${l}`),
  )
  const cells = [...recorded.values()].flatMap(cellsOf)
  if (!o.quiet)
    say(
      `${cells.length} cells: ${[...recorded.values()].map(r => `${r.workload.name} ${cellsOf(r).length}`).join(', ')}; seed ${o.seed}`,
    )
  const runner = (): Promise<Runner> => {
    const next = spare ?? new Runner(inventory.file)
    spare = new Runner(inventory.file)
    return Promise.resolve(next)
  }
  const done = earlier(o.state, o.resume)
  const began = performance.now()
  if (o.drift)
    return drifts(place, [...recorded.values()], o, [...done.values()], new Set(done.keys()), began)
  let wrong = 0
  const told = async ({ number, verdict }: Played, cells: Cells): Promise<void> => {
    if (verdict.violations.length > 0) {
      wrong++
      say(
        `case ${number}: ${verdict.id}\n${verdict.violations.map(v => `    ${v}`).join('\n')}\n    again: npm run faults -- --case '${verdict.id}'`,
      )
      if (cells.length > 1 && !o.untilFound)
        for (const alone of cells) {
          const { violations } = await one(place, recorded, [alone], runner)
          if (violations.length > 0) say(`    smaller: npm run faults -- --case '${alone.id}'`)
        }
    }
    if (number % 25 === 0)
      say(
        `${number} cases, ${wrong} with violations, ${((performance.now() - began) / 1000).toFixed(0)} s`,
      )
  }
  const some = cells.filter(c => o.only.length === 0 || o.only.includes(c.fault))
  const cases =
    o.ids.length > 0
      ? o.ids.map(id => find(cells, id))
      : first(o.pairs ? pairsOf(some, o.seed) : casesOf(some, o.seed), o.cases)
  const played =
    leaks.length > 0 && o.untilFound
      ? []
      : await playAll(cases, cells => one(place, recorded, cells, runner), {
          jobs: o.jobs,
          untilFound: o.untilFound,
          done,
          told: o.quiet ? () => undefined : told,
          ended: verdict => remember(o.state, verdict),
        })
  spare?.end()
  spare = undefined
  const recording: Played[] =
    leaks.length > 0
      ? [
          {
            number: 0,
            verdict: {
              id: 'recording',
              fault: 'runner killed',
              violations: leaks,
              hit: true,
              ms: 0,
            },
          },
        ]
      : []
  const all = [...recording, ...played]
  const found = all.find(p => p.verdict.violations.length > 0)
  if (o.json !== undefined)
    writeFileSync(
      o.json,
      JSON.stringify({ number: found?.number, cells: cells.length, verdicts: all }),
    )
  if (!o.quiet) {
    for (const leak of leaks) say(leak)
    say(summary(all.map(p => p.verdict)))
  }
  return found ? 1 : 0
}

/** Hand changes: the workloads take turns. */
async function drifts(
  place: Place,
  recorded: readonly Recorded[],
  o: Options,
  verdicts: Verdict[],
  done: ReadonlySet<string>,
  began: number,
): Promise<number> {
  const kinds = new Map<string, number>()
  for (let n = 0; n < o.cases; n++) {
    const r = recorded[n % recorded.length]
    const seed = o.seed * 1_000_000 + n
    if (!r || done.has(`${r.workload.name}/drift/${seed}`)) continue
    const verdict = await drift(place, r, seed)
    verdicts.push(verdict)
    for (const kind of verdict.what) {
      const name = kind.replace(/^(\S+) .*: /, '$1: ')
      kinds.set(name, (kinds.get(name) ?? 0) + 1)
    }
    remember(o.state, verdict)
    if (verdict.violations.length > 0)
      say(`drift ${n + 1}: ${verdict.id}\n${verdict.violations.map(v => `    ${v}`).join('\n')}`)
    if ((n + 1) % 25 === 0)
      say(
        `${n + 1} drifts, ${verdicts.filter(v => v.violations.length > 0).length} with violations, ${((performance.now() - began) / 1000).toFixed(0)} s`,
      )
  }
  const changes = [...kinds.values()].reduce((a, b) => a + b, 0)
  const wrong = verdicts.filter(v => v.violations.length > 0).length
  say(`${verdicts.length} drifts with ${changes} hand changes, ${wrong} with violations`)
  for (const [name, n] of [...kinds].toSorted()) say(`  ${name}: ${n}`)
  return wrong > 0 ? 1 : 0
}

/** A case whose own machinery fails is a failure, too. */
async function one(
  place: Place,
  recorded: ReadonlyMap<string, Recorded>,
  cells: readonly Cell[],
  runner: () => Promise<Runner>,
): Promise<Verdict> {
  const r = recorded.get(cells[0]!.workload)
  if (!r) throw new Error(`no workload ${cells[0]!.workload}`)
  try {
    return await play(place, r, cells, runner)
  } catch (error) {
    return {
      id: idOf(cells),
      fault: cells[0]!.fault,
      violations: [
        `the case could not be played: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      ],
      hit: false,
      ms: 0,
    }
  }
}

function find(cells: readonly Cell[], id: string): Cell[] {
  return id.split('+').map(part => {
    const cell = cells.find(c => c.id === part)
    if (!cell) throw new Error(`there is no case ${part}; it may be one of another commit`)
    return cell
  })
}

const [mode = '', argument = ''] = process.argv.slice(2)
if (mode === 'runner') await beRunner(argument)
else process.exitCode = await main(JSON.parse(mode) as Options)
