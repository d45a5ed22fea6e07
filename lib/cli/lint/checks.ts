import { join } from 'node:path'
import { loadArtifacts } from '../../artifacts/load.ts'
import { resolveArtifact } from '../../artifacts/resolve.ts'
import type { Arch } from '../../artifacts/types.ts'
import { UsageError } from '../../errors.ts'
import type { Usage } from '../../inventory/check-usage.ts'
import type { LintOptions } from '../../inventory/lint.ts'
import { matchPlay, splitPattern } from '../../inventory/patterns.ts'
import type { AdvisorTools, RoleVarsInfo } from '../../inventory/role-vars.ts'
import type { Inventory } from '../../inventory/types.ts'
import { loadPlaybook, playbookFiles } from '../load.ts'
import { packageRoot } from '../paths.ts'
import { roleHosts } from '../role-hosts.ts'
import { usesSite, type LintedPlaybook, type LintedProject } from './project.ts'

/** What `lint` checks of an inventory with the code of its project. */
export function projectChecks(
  file: string,
  project: LintedProject,
  secrets: { readonly identity?: string | undefined; readonly say?: (note: string) => void } = {},
): Pick<LintOptions, 'usage' | 'secretNames' | 'tools'> & {
  readonly roles: (inventory: Inventory) => readonly RoleVarsInfo[]
} {
  const books = (inventory: Inventory): readonly LintedPlaybook[] =>
    usesSite(inventory, project)
      ? project.playbooks
      : project.playbooks.filter(({ own, named }) => own || named)
  return {
    roles: inventory => roleHosts(project.roles, inventory, books(inventory)),
    usage: (inventory, roles) => usageOf(file, inventory, books(inventory), roles),
    tools: advisorTools,
    secretNames: secretsFile => secretNames(secretsFile, secrets),
  }
}

async function usageOf(
  file: string,
  inventory: Inventory,
  books: readonly LintedPlaybook[],
  roles: readonly RoleVarsInfo[],
): Promise<Usage> {
  const plays = books.flatMap(({ book, own }) => book.stages.flat().map(play => ({ play, own })))
  const missing = plays
    .filter(({ own }) => !own)
    .flatMap(({ play }) => matchPlay(inventory, play.hosts).missing)
  return {
    roles,
    elsewhere: await otherRuns(file, inventory, new Set(books.map(({ file: book }) => book))),
    played: new Set(
      plays
        .filter(({ play, own }) => own || play.hosts !== 'all')
        .flatMap(({ play }) => matchPlay(inventory, play.hosts).hosts.map(host => host.name)),
    ),
    missingGroups: [...new Set(missing)],
    playedGroups: new Set(
      plays.flatMap(({ play }) => splitPattern(play.hosts).map(term => term.replace(/^[!&]/, ''))),
    ),
  }
}

/** Where the roles of all other playbooks run, the operations among them. A playbook that cannot be loaded is no matter here. */
async function otherRuns(
  file: string,
  inventory: Inventory,
  checked: ReadonlySet<string>,
): Promise<Map<string, Set<string>>> {
  const runs = new Map<string, Set<string>>()
  for (const [name, path] of playbookFiles(file)) {
    if (checked.has(path)) continue
    const book = await loadPlaybook(name, file).catch((error: unknown) => {
      if (error instanceof UsageError) return undefined
      throw error
    })
    for (const play of book?.stages.flat() ?? [])
      for (const role of play.roles) {
        const hosts = runs.get(role.name) ?? new Set()
        for (const host of matchPlay(inventory, play.hosts).hosts) hosts.add(host.name)
        runs.set(role.name, hosts)
      }
  }
  return runs
}

const ARCHS: readonly Arch[] = ['amd64', 'arm64']

async function advisorTools({ artifacts }: Inventory): Promise<AdvisorTools> {
  const pins = await loadArtifacts(join(packageRoot(), 'files', 'artifacts.yaml'))
  return {
    unpinned: (name, version) => {
      const errors = ARCHS.flatMap(arch => {
        try {
          resolveArtifact(name, arch, pins, artifacts, version)
          return []
        } catch (error) {
          if (!(error instanceof UsageError)) throw error
          return [
            { message: error.message.replace(/^\S*artifacts\.yaml:\d+: /, ''), hint: error.hint },
          ]
        }
      })
      return errors.length < ARCHS.length ? undefined : errors[0]
    },
  }
}

/** The names in the secrets file, if it can be opened without a question; else undefined, and a note says why. */
async function secretNames(
  file: string,
  {
    identity,
    say,
  }: { readonly identity?: string | undefined; readonly say?: (note: string) => void },
): Promise<ReadonlySet<string> | undefined> {
  const { openSecrets } = await import('../../secrets/store.ts')
  try {
    const secrets = await openSecrets(file, {
      identity,
      prompt: () => {
        throw new UsageError('its passphrase is needed')
      },
    })
    return new Set(secrets.keys())
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    say?.(`the names of secrets were not checked: ${error.message}`)
    return undefined
  }
}
