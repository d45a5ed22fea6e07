import type { Fidelity } from './fidelity.ts'
import type { Stats } from './measure.ts'

/** One figure with its target. */
export interface Figure {
  readonly name: string
  readonly value: number
  /** `x`: a ratio; MB. */
  readonly unit: 'x' | 'MB' | '%' | ''
  readonly target: { readonly atMost?: number; readonly atLeast?: number }
  readonly reached: boolean
}

export function figure(
  name: string,
  value: number,
  unit: Figure['unit'],
  target: Figure['target'],
): Figure {
  const reached =
    (target.atMost === undefined || value <= target.atMost) &&
    (target.atLeast === undefined || value >= target.atLeast)
  return { name, value: Math.round(value * 1000) / 1000, unit, target, reached }
}

/** Runs of contenders that were measured together. */
export interface Section {
  readonly name: string
  readonly contenders: readonly { readonly name: string; readonly stats: Stats }[]
  /** Whose median is 1 in the ratios. */
  readonly reference: string
}

export interface Report {
  readonly figures: readonly Figure[]
  readonly sections: readonly Section[]
  readonly fidelity: readonly ({ readonly name: string } & Fidelity)[]
  readonly notes: readonly string[]
}

/** Aligned columns; the first is text, the others are numbers. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(r => r[i]?.length ?? 0)))
  const cell = (text: string, i: number): string =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)
  return rows.map(row => row.map(cell).join('  ').trimEnd()).join('\n')
}

const time = (ms: number): string =>
  ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
const short = (value: number): string => (value >= 10 ? value.toFixed(1) : value.toFixed(2))

function sectionTable({ name, contenders, reference }: Section): string {
  const one = contenders.find(c => c.name === reference)?.stats.median ?? NaN
  return table([
    [name, 'median', 'min', 'max', 'n', `/ ${reference}`, 'CPU', 'max RSS'],
    ...contenders.map(({ name: who, stats: s }) => [
      `  ${who}`,
      time(s.median),
      time(s.min),
      time(s.max),
      String(s.n),
      short(s.median / one),
      time(s.cpuMs),
      `${Math.round(s.rssMb)} MB`,
    ]),
  ])
}

const target = ({ atMost, atLeast }: Figure['target'], unit: string): string =>
  atMost !== undefined ? `≤ ${atMost} ${unit}` : atLeast !== undefined ? `≥ ${atLeast} ${unit}` : ''

/** For people. */
export function text(report: Report): string {
  return [
    ...report.sections.map(sectionTable),
    table([
      [
        'Dry run on fresh hosts (tasks × hosts)',
        'predicted',
        'came true',
        'not needed',
        'unpredicted',
        '(of it “maybe”)',
        'failed',
      ],
      ...report.fidelity.map(f => [
        `  ${f.name}`,
        ...[f.predicted, f.cameTrue, f.notNeeded, f.unpredicted, f.maybe, f.failed].map(String),
      ]),
    ]),
    table([
      ['Figures', 'measured', 'target', ''],
      ...report.figures.map(f => [
        `  ${f.name}`,
        `${f.unit === 'x' ? short(f.value) : Math.round(f.value)} ${f.unit}`.trim(),
        target(f.target, f.unit),
        Object.keys(f.target).length === 0 ? '' : f.reached ? 'reached' : 'MISSED',
      ]),
    ]),
    report.notes.map(n => `- ${n}`).join('\n'),
  ].join('\n\n')
}
