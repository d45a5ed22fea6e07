import type { Verdict } from './case.ts'

/** A table by fault: cases, those whose moment came, violations, and the median time. */
export function summary(verdicts: readonly Verdict[]): string {
  const rows = [...new Set(verdicts.map(v => v.fault))].toSorted().map(fault => {
    const of = verdicts.filter(v => v.fault === fault)
    return row(fault, of)
  })
  const head = ['fault', 'cases', 'hit', 'violations', 'median s', 'max s']
  const lines = [head, ...rows, row('all', verdicts)]
  const widths = head.map((_, i) => Math.max(...lines.map(l => l[i]!.length)))
  return lines
    .map(l => l.map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join('  '))
    .join('\n')
}

function row(name: string, of: readonly Verdict[]): string[] {
  const times = of.map(v => v.ms / 1000).toSorted((a, b) => a - b)
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(2)
  return [
    name,
    String(of.length),
    String(of.filter(v => v.hit).length),
    String(of.filter(v => v.violations.length > 0).length),
    at(0.5),
    at(1),
  ]
}
