import { TaskError } from '../errors.ts'
import { ask, type Facts, type OfferFact } from '../facts/index.ts'
import { judge, shown, type Verdict, type Wanted } from './offered.ts'
import type { Os } from '../inventory/types.ts'
import { managerOf } from './package-manager.ts'
import { expect, resource, type Common, type Needs, type Result } from './resource.ts'
import type { FactAfter, PlannedChange } from './scope.ts'

interface Packages extends Common {
  readonly wanted: readonly Wanted[]
}

const going = (o: Packages): string[] =>
  o.wanted.filter(w => w.version === 'absent').map(w => w.name)

/** Packages that bring the configuration of a repository, such as epel-release, pgdg-redhat-repo, debian-archive-keyring. */
const BRINGS_REPOSITORY = /(^|-)(release|repo|repos|repository|sources|keyring|apt-config)(-|\d|$)/

type Now = Readonly<Record<string, unknown>>
const offerKey = (name: string): string => `/offer ${name}`

/** What is not installed as wanted. */
const missingOf = (o: Packages, now: Now, os: Os): Wanted[] => {
  const manager = managerOf(os)
  return o.wanted.filter(({ name, version }) => {
    const has = now[name] as string | null
    if (version === 'absent') return false
    if (has === null || version === 'present') return has === null
    return has !== version && !manager.matches(has, version)
  })
}

const verdicts = (missing: readonly Wanted[], now: Now, os: Os): Verdict[] =>
  missing.map(wanted => judge(wanted, now[offerKey(wanted.name)] as OfferFact, managerOf(os)))

const define = resource({
  name: (o: Packages) => `packages ${o.wanted.map(shown).join(' ')}`,
  opaque: true,
  check(o) {
    const seen = new Set<string>()
    for (const { name, version } of o.wanted) {
      // apt-get install NAME- and NAME=VERSION- remove the package (apt-get(8)), also behind --.
      expect(
        /^[A-Za-z0-9][\w.+-]*$/.test(name) && !name.endsWith('-'),
        `${JSON.stringify(name)} is not a package name`,
      )
      expect(
        /^[\w.+:~^*?-]+$/.test(version) && !/^-|-$/.test(version),
        `${JSON.stringify(version)} is not a version of ${name}: expected such as 1.22.1-9 or 1.22*`,
      )
      expect(!seen.has(name), `the package ${name} is named twice`)
      seen.add(name)
    }
  },
  needs(o, os): Needs {
    const manager = managerOf(os)
    const gone = going(o)
    return Object.fromEntries([
      ...o.wanted.map(({ name }) => [name, manager.ask(name)]),
      ...o.wanted
        .filter(w => w.version !== 'absent')
        .map(({ name, version }) => [
          offerKey(name),
          manager.askOffer(name, version === 'present' ? undefined : version),
        ]),
      ...(gone.length === 0
        ? []
        : [['/canGo', ask('command', manager.canGo(gone), { code: 0, stdout: '', stderr: '' })]]),
    ]) as Needs
  },
  plan(o, now: Now, { os, doubt, host }) {
    const manager = managerOf(os)
    const changes: PlannedChange[] = []
    const left = (name: string, version: string | null): FactAfter =>
      [manager.ask(name), version] as never
    const gone = going(o).filter(name => now[name] !== null)
    if (gone.length > 0) {
      const { code, stderr } = now['/canGo'] as Facts['command']
      // In doubt an earlier task may remove what needs it; the script asks again.
      expect(code === 0 || doubt, `${gone.join(' ')} cannot be removed: ${stderr.trim()}`)
      changes.push({
        what: `remove ${gone.join(' ')}`,
        script: `${manager.canGo(gone)}\n${manager.remove(gone)}`,
        factsAfter: gone.map(name => left(name, null)),
        timeoutMs: 30 * 60_000,
        keepsSettings: true,
      })
    }
    const missing = missingOf(o, now, os)
    const refused = verdicts(missing, now, os).flatMap(v => (v.is === 'refused' ? [v] : []))
    if (refused.length > 0)
      throw new TaskError(refused.map(v => v.text(host)).join('; '), {
        hint: refused[0]?.hint(host),
      })
    if (missing.length > 0)
      changes.push({
        what: `install ${missing
          .map(w => {
            const has = now[w.name] as string | null
            return has === null ? shown(w) : `${w.name} ${has} → ${w.version}`
          })
          .join(' ')}`,
        script: manager.install(
          missing.map(w => (w.version === 'present' ? w.name : manager.spec(w.name, w.version))),
        ),
        factsAfter: missing.map(w => left(w.name, w.version === 'present' ? 'planned' : w.version)),
        timeoutMs: 30 * 60_000,
        ...(missing.some(w => BRINGS_REPOSITORY.test(w.name)) ? {} : { keepsSettings: true }),
      })
    return changes
  },
  unsure(o, now: Now, { os }) {
    const reasons = verdicts(missingOf(o, now, os), now, os).flatMap(v =>
      v.is === 'unsure' ? [v.text] : [],
    )
    return reasons.length === 0 ? undefined : [...new Set(reasons)].join('; ')
  },
  said: (_, stderr, { os }) => managerOf(os).unreached(stderr),
  cause: (_, stderr, { os }) => managerOf(os).cause?.(stderr),
})

/**
 * Package names of the host's distribution: a name ('nginx'), a name with a version ('nginx=1.22.1-9', 'nginx=1.22*'), or an object from names
 * to a version, 'present' or 'absent'.
 *
 * @example
 * const wanted: PackageSpec = { nginx: '1.22*', telnet: 'absent' }
 */
export type PackageSpec = string | Readonly<Record<string, string>>

const wantedOf = (spec: PackageSpec): Wanted[] => {
  if (typeof spec !== 'string')
    return Object.entries(spec).map(([name, version]) => ({ name, version }))
  const [name = '', version = 'present'] = spec.split(/=([^]*)/, 2)
  return [{ name, version }]
}

/**
 * Makes sure that packages are installed, or absent; it installs what is missing in one transaction (apt-get or dnf), and removes
 * in another one before. Without a version it takes any that is installed, and does not upgrade. A version is as the package
 * manager prints it (Debian: with epoch; EL: with or without release); * and ? are wildcards. Another version is replaced, also by an older
 * one. `absent` removes exactly these packages: if others need one, the task fails and names them. Debian keeps configuration
 * files. It waits up to 120 s for a locked package manager; a transaction may take 30 minutes.
 *
 * What no repository of the host has fails in the dry run already. fmc asks the lists that apt has fetched, or dnf's cache, only for
 * what is missing; the plan says so where these cannot tell. A repository that an earlier task adds (its file, its key, a package
 * that brings it, a command) may have it. A repository that cannot be reached does not stop what others have: the task names it.
 *
 * @param specs - see `PackageSpec`
 * @throws TaskError for an invalid name or version, on an operating system without package manager (Flatcar), when the package
 * manager stays locked (the error names the process), when another package needs one that has to go, when no repository has one, and when the installation fails.
 *
 * @example
 * await packages('haproxy', 'keepalived')
 * await packages('postgresql-15=15.*', { nginx: '1.22.1-9', telnet: 'absent' })
 */
export const packages = (...specs: readonly PackageSpec[]): Promise<Result> =>
  specs.length === 0
    ? Promise.resolve({ changed: false })
    : define({ wanted: specs.flatMap(wantedOf) })
