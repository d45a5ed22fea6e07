// Behind npm run faults -- --drift --roles: changes by hand to what the roles of this repository declare, on a lab of the whole site.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { Lab, startLab } from '../../../lib/testing/lab.ts'
import { fmcRoot } from '../../../lib/testing/run.ts'
import { readState } from '../../../lib/lab/state.ts'
import { choose, nameOf, PATIENCE, play, possible, type Cycle, type Drift } from './cycle.ts'

/** What is asked for. */
export interface RoleDriftOptions {
  /** How many changes by hand, at least. */
  readonly changes: number
  readonly seed: number
  /** Changes of a cycle. */
  readonly each: number
  /** The first cycle: to play one again. */
  readonly from: number
  /** Only changes whose description contains one of these texts; empty: all. */
  readonly only: readonly string[]
  /** File with one cycle a line. */
  readonly log: string
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Plays cycles until there were that many changes. Resolves with the exit code. */
export async function roleDrifts(o: RoleDriftOptions): Promise<number> {
  const inventory = join(fmcRoot(), 'inventory.yaml')
  const name = process.env['FMC_LAB'] ?? 'role-drift'
  const there = readState(name)
  const lab = there
    ? new Lab(there, name, inventory)
    : await startLab(undefined, { inventory, name, log: say })
  try {
    const first = await settled(lab)
    const all = possible(first).filter(d =>
      o.only.length === 0 ? d.change.open !== true : o.only.some(text => nameOf(d).includes(text)),
    )
    say(`${all.length} possible changes; seed ${o.seed}; at most ${o.each} a cycle`)
    return await cycles(lab, all, o)
  } finally {
    if (!there) await lab.down()
  }
}

/** The site as declared; throws if that cannot be reached. */
async function settled(lab: Lab): ReturnType<Lab['fmc']> {
  for (let i = 0; ; i++) {
    const ran = await lab.fmcWith(PATIENCE, 'play', 'site')
    if (ran.code === 0 && ran.changed.length === 0) return ran
    if (i === 3)
      throw new Error(`the site does not settle: ${ran.failures.join('\n')}${ran.stderr}`)
  }
}

async function cycles(lab: Lab, all: readonly Drift[], o: RoleDriftOptions): Promise<number> {
  const figures = new Map<string, [number, number]>()
  const began = performance.now()
  let made = 0
  let bad = 0
  for (let cycle = o.from; made < o.changes; cycle++) {
    const done = await play(lab, choose(all, o.seed, cycle, o.each))
    made += done.made.length
    for (const d of done.made) {
      for (const name of [`${d.change.of}: ${d.change.name}`, `role ${d.role}`]) {
        const [n, m] = figures.get(name) ?? [0, 0]
        figures.set(name, [n + 1, m + (done.violations.length > 0 ? 1 : 0)])
      }
    }
    appendFileSync(o.log, `${JSON.stringify(lineOf(o, cycle, done))}\n`)
    say(
      `cycle ${cycle}: ${done.made.length} changes, ${done.seconds.join(' + ')} s, ${done.violations.length} violations; ${made} changes in ${((performance.now() - began) / 1000).toFixed(0)} s`,
    )
    if (done.violations.length === 0) continue
    bad++
    for (const text of done.violations) say(`    ${text}`)
    for (const d of done.made) say(`    by hand: ${nameOf(d)}`)
    say(`    again: npm run faults -- --drift --roles --seed ${o.seed} --from ${cycle} --cases 1`)
    await settled(lab)
    if (process.env['FMC_DRIFT_MINIMISE'] !== 'no') await smaller(lab, done)
  }
  say(`${made} changes, seed ${o.seed}, ${bad} cycles with violations`)
  for (const [name, [n, m]] of [...figures].toSorted())
    say(`  ${String(n).padStart(5)} ${String(m).padStart(4)}  ${name}`)
  return bad > 0 ? 1 : 0
}

const lineOf = (o: RoleDriftOptions, cycle: number, done: Cycle): unknown => ({
  seed: o.seed,
  cycle,
  made: done.made.map(nameOf),
  violations: done.violations,
  seconds: done.seconds,
})

/** Halves, as long as one of them still fails. */
async function smaller(lab: Lab, { made }: Cycle): Promise<void> {
  let now = made
  while (now.length > 1) {
    const half = Math.ceil(now.length / 2)
    let found: readonly Drift[] | undefined
    for (const part of [now.slice(0, half), now.slice(half)]) {
      const { violations } = await play(lab, part)
      if (violations.length === 0) continue
      await settled(lab)
      found = part
      break
    }
    if (found === undefined) break
    now = found
  }
  say(`    smallest: ${now.map(nameOf).join('; ')}`)
}
