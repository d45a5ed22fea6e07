import type { OfferFact } from '../facts/index.ts'
import type { PackageManager } from './package-manager.ts'

/** What is wanted of one package: 'present' in any version, 'absent', or a version. */
export interface Wanted {
  readonly name: string
  readonly version: string
}

/** Its title in the report. */
export const shown = ({ name, version }: Wanted): string =>
  version === 'present' ? name : `${name}=${version}`

/**
 * Can a package be installed, by what the host's repositories offer? refused: no. unsure: only the run can tell, and `text` says why.
 * fine: yes, or fmc has no reason to doubt it.
 */
export type Verdict =
  | { readonly is: 'fine' }
  | { readonly is: 'unsure'; readonly text: string }
  | {
      readonly is: 'refused'
      readonly text: (host: string) => string
      readonly hint: (host: string) => string
    }

const DAY = 86_400
/** Distributions fetch their lists daily, where they fetch them at all. Older lists may lack what is offered today. */
const STALE_SECONDS = 2 * DAY
/** Versions named in an error. */
const SHOWN_VERSIONS = 3

/** Decides about one package that is not installed as wanted. Pure. */
export function judge(
  wanted: Wanted,
  offer: OfferFact,
  { name: manager, matches, refresh }: PackageManager,
): Verdict {
  if (offer === 'installed' || offer === 'unknown') return { is: 'fine' }
  const { versions, candidate, lists, unfetched, trouble } = offer
  const { name, version } = wanted
  const found =
    version === 'present'
      ? candidate !== null
      : versions.some(v => v === version || matches(v, version))
  if (found) return { is: 'fine' }
  const unsure = (text: string): Verdict => ({
    is: 'unsure',
    text: `${text}; only the run can tell whether a repository has ${shown(wanted)}`,
  })
  if (trouble !== '')
    return unsure(`${manager} cannot say what it offers (${trouble.split('\n').at(-1) ?? ''})`)
  if (lists === 'never') return unsure(`${manager} has not fetched its lists on this host yet`)
  if (lists === 'changed')
    return unsure(`the repositories' configuration is newer than the lists of ${manager}`)
  if (lists > STALE_SECONDS)
    return unsure(
      `the lists of ${manager} are ${Math.floor(lists / DAY)} days old and do not have it`,
    )
  // It may be reachable again: the run fetches the lists before it installs.
  if (unfetched.length > 0)
    return unsure(`${manager} could not fetch the lists of ${unfetched.join(', ')}`)
  const others = versions.slice(0, SHOWN_VERSIONS).join(', ')
  return {
    is: 'refused',
    text: host => {
      if (versions.length === 0) return `no repository of ${host} has the package ${name}`
      if (version === 'present')
        return `${manager} is configured on ${host} to take no version of ${name}`
      return `no repository of ${host} has ${name} in version ${version}, only ${others}${versions.length > SHOWN_VERSIONS ? ' …' : ''}`
    },
    hint: host =>
      `correct the name or the version, add its repository in an earlier task, or, if it is new: fmc run ${host} -- ${refresh}`,
  }
}
