import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Verdict } from './case.ts'
import { shuffled, type Cell } from './cells.ts'

/** A case: cells of one workload, whose faults happen one after another. */
export type Cells = readonly Cell[]

export const idOf = (cells: Cells): string => cells.map(c => c.id).join('+')

/** The cases of a seed: every cell once, then pairs of cells of one workload. */
export function* casesOf(cells: readonly Cell[], seed: number): Generator<Cells> {
  for (const cell of shuffled(cells, seed)) yield [cell]
  yield* pairsOf(cells, seed)
}

/** Pairs of cells of one workload, without end. */
export function* pairsOf(cells: readonly Cell[], seed: number): Generator<Cells> {
  for (let round = 1; cells.length > 0; round++) {
    const [first, second] = [
      shuffled(cells, seed + 2 * round),
      shuffled(cells, seed + 2 * round + 1),
    ]
    const by = new Map<string, Cell[]>()
    for (const cell of second) by.set(cell.workload, [...(by.get(cell.workload) ?? []), cell])
    for (const cell of first) {
      const other = by.get(cell.workload)?.pop()
      if (other) yield [cell, other]
    }
  }
}

export function* first<T>(list: Iterable<T>, count: number): Generator<T> {
  if (count <= 0) return
  for (const one of list) {
    yield one
    if (--count === 0) return
  }
}

/** A verdict with the number of its case, from 1. */
export interface Played {
  readonly number: number
  readonly verdict: Verdict
}

interface Settings {
  /** Cases that are played at the same time. */
  readonly jobs: number
  /** Start no more after one that has found something. */
  readonly untilFound: boolean
  readonly done: ReadonlyMap<string, Verdict>
  /** Hears of each case in the order of the numbers, whichever ended first. */
  readonly told: (played: Played, cells: Cells) => Promise<void> | void
  /** Hears of each case as soon as it has ended. */
  readonly ended: (verdict: Verdict) => void
}

/** Plays the cases, several at the same time, and resolves with the verdicts in the order of their numbers. */
export async function playAll(
  cases: Iterable<Cells>,
  one: (cells: Cells) => Promise<Verdict>,
  o: Settings,
): Promise<Played[]> {
  const source = cases[Symbol.iterator]()
  const played: Played[] = []
  const waiting = new Map<number, () => Promise<void> | void>()
  let [number, next, found] = [0, 1, false]
  let telling = Promise.resolve()
  const tell = async (): Promise<void> => {
    for (let say = waiting.get(next); say; say = waiting.get(next)) {
      waiting.delete(next++)
      await say()
    }
  }
  const worker = async (): Promise<void> => {
    for (;;) {
      if (o.untilFound && found) return
      const step = source.next()
      if (step.done) return
      const cells = step.value
      const mine = ++number
      const before = o.done.get(idOf(cells))
      const verdict = before ?? (await one(cells))
      if (!before) o.ended(verdict)
      found ||= verdict.violations.length > 0
      const it = { number: mine, verdict }
      played.push(it)
      waiting.set(mine, () => o.told(it, cells))
      await (telling = telling.then(tell))
    }
  }
  await Promise.all(Array.from({ length: o.jobs }, worker))
  return played.toSorted((a, b) => a.number - b.number)
}

/**
 * Verdicts of a run that was interrupted, by the case's id. The last line may be cut: its case is played again.
 * Without `resume` the file begins anew.
 */
export function earlier(file: string | undefined, resume: boolean): Map<string, Verdict> {
  const done = new Map<string, Verdict>()
  if (file === undefined) return done
  if (!resume || !existsSync(file)) {
    writeFileSync(file, '')
    return done
  }
  const text = readFileSync(file, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole !== text) writeFileSync(file, whole)
  for (const line of whole.split('\n').filter(Boolean)) {
    const verdict = JSON.parse(line) as Verdict
    done.set(verdict.id, verdict)
  }
  return done
}

export const remember = (file: string | undefined, verdict: Verdict): void => {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(verdict)}\n`)
}
