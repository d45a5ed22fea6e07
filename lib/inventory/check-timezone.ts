import { nearest } from '../text/nearest.ts'
import { error } from './check-references.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { timezones } from './timezones.ts'

/** A problem if hosts do not have the inventory's time zone. Names are those of files below /usr/share/zoneinfo, so case matters. */
export function timezoneProblems({ timezone }: Pick<RawInventory, 'timezone'>): UnplacedProblem[] {
  const known = timezones()
  if (known.has(timezone)) return []
  const lower = timezone.toLowerCase()
  const meant =
    [...known].find(name => name.toLowerCase() === lower) ??
    [...known].find(name => name.toLowerCase().endsWith(`/${lower.replaceAll(' ', '_')}`))
  if (meant === undefined && isNew(timezone)) return []
  const near = meant ?? nearest(timezone, known)
  return [
    error(
      ['timezone'],
      `there is no time zone ${timezone}`,
      near === undefined
        ? 'timedatectl list-timezones prints the names, such as Europe/Madrid and UTC'
        : `did you mean ${near}?`,
    ),
  ]
}

/** A name that the tz database got after our list was made, which this Node.js knows. */
function isNew(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return /\//.test(timezone)
  } catch {
    return false
  }
}
