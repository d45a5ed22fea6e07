import { median, stats, type Run } from './measure.ts'
import { figure, type Figure, type Section } from './report.ts'

/** What the bench has measured so far. */
export const sections: Section[] = []
export const figures: Figure[] = []
const measured = new Map<string, ReadonlyMap<string, readonly Run[]>>()

/** Keeps a section's runs; contenders without any are left out. */
export function addSection(
  name: string,
  reference: string,
  runs: ReadonlyMap<string, readonly Run[]>,
): void {
  const contenders = [...runs].filter(([, of]) => of.length > 0)
  measured.set(name, new Map(contenders))
  sections.push({
    name,
    reference,
    contenders: contenders.map(([who, of]) => ({ name: who, stats: stats(of) })),
  })
}

/** Median over the rounds of how much longer `a` took than `b` in the same round; NaN when one of them was not measured. */
export function ratio(section: string, a: string, b: string): number {
  const [of, to] = [a, b].map(who => measured.get(section)?.get(who) ?? [])
  const pairs = (of ?? []).flatMap((run, i) => {
    const other = to?.[i]
    return other === undefined ? [] : [run.ms / other.ms]
  })
  return median(pairs)
}

/** Adds a figure with its target, unless it could not be measured. */
export function judge(
  name: string,
  value: number,
  unit: Figure['unit'],
  target: Figure['target'],
): void {
  if (Number.isFinite(value)) figures.push(figure(name, value, unit, target))
}
