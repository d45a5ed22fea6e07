import type { Found } from '../../firewall/found.ts'
import { table } from '../../report/table.ts'
import { cleanLine } from '../../text/sanitise.ts'
import type { Place } from './model.ts'
import type { Result } from './probe.ts'

/** How many of the probes came out how. */
export const summaryOf = (
  results: readonly Result[],
): Record<'asDeclared' | 'differ' | 'unknown' | 'notTried', number> => ({
  asDeclared: results.filter(r => r.differs === false).length,
  differ: results.filter(r => r.differs).length,
  unknown: results.filter(r => r.found === 'unknown').length,
  notTried: results.filter(r => r.found === undefined).length,
})

const SAID: Readonly<Record<Found, string>> = {
  open: 'open',
  'no service': 'no service listens',
  blocked: 'blocked',
  rejected: 'rejected by a firewall',
  unknown: 'no answer',
}

const end = (name: string, address: string): string =>
  name === address ? address : `${name} (${address})`

/** The matrix, what differs from the declaration, and what could not be tried, for people. Ends without a newline. */
export function probeText(
  results: readonly Result[],
  untried: readonly string[],
  where: Place,
): string {
  const pairs = new Map<string, Result[]>()
  for (const result of results) {
    const key = `${result.from} ${result.source} ${result.target}`
    pairs.set(key, [...(pairs.get(key) ?? []), result])
  }
  const rows = [...pairs.values()].flatMap(pair => {
    const [first] = pair
    return first === undefined
      ? []
      : [
          [
            end(first.from, first.source),
            '→',
            end(first.to, first.target),
            pair.map(cell).join(', '),
          ],
        ]
  })
  const different = results.filter(r => r.differs)
  const { asDeclared, differ, unknown, notTried } = summaryOf(results)
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map(line => `  ${cleanLine(line)}`)]
  return [
    ...table(rows),
    ...section(
      'differs from the declaration:',
      different.map(r => difference(r, where)),
    ),
    ...section('not tried:', untried),
    '',
    `${asDeclared} as declared, ${differ} differ, ${unknown} without a clear answer, ${notTried} not tried`,
  ].join('\n')
}

const cell = ({ port, proto, found, differs }: Result): string =>
  `${port}${proto === 'udp' ? '/udp' : ''} ${found === undefined ? 'not tried' : SAID[found]}${differs ? ' (!)' : ''}`

const difference = (
  { from, source, to, target, port, proto, found, declared, why, of }: Result,
  where: Place,
): string => {
  const place = where(of)
  const because = `${why}${place === undefined ? '' : ` (${place})`}`
  const said = found === undefined ? '' : SAID[found]
  return `${end(from, source)} → ${end(to, target)} ${port}/${proto}: ${said}, though ${declared === 'allow' ? `it is allowed: ${because}` : because}`
}
