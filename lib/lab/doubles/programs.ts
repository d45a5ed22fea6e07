import type { Part } from '../images/parts.ts'
import type { LabArtifact, LabState } from '../state.ts'
import type { Target } from '../target.ts'
import { corednsIn, corednsPart, firstLines } from './coredns.ts'
import { K3S_ROLES, k3sDoubleIn, k3sDoublePart } from './k3s.ts'

/** Programs that the lab builds itself, and what a lab has of them. */
export interface Program {
  readonly part: Part
  /** Left out of runs where it cannot be made. */
  readonly roles: readonly string[]
  readonly artifacts: () => Promise<LabState['artifacts']>
}

interface Options {
  readonly yes: boolean
  readonly log: (text: string) => void
}

/** The programs that a lab needs. */
export const programsOf = async (
  { inventory, programs }: Pick<Target, 'inventory' | 'programs'>,
  options: Options,
): Promise<Program[]> => {
  const found: Program[] = []
  if (programs.coredns === true) {
    const part = { ...(await corednsPart(inventory, options)), optional: true } as const
    const artifacts = () => Promise.resolve(corednsIn(part))
    found.push({ part, roles: ['coredns-chrony'], artifacts })
  }
  if (programs.k3s && programs.realK3s === undefined) {
    const part = { ...k3sDoublePart(options), optional: true } as const
    found.push({ part, roles: K3S_ROLES, artifacts: () => k3sDoubleIn(part) })
  }
  return found
}

/** What a lab has of its programs, and the roles that are left out because one could not be made. `failed`: why, by the place of the part. */
export const madePrograms = async (
  wanted: readonly Program[],
  failed: ReadonlyMap<string, unknown>,
  log: (text: string) => void,
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const artifacts: Record<string, LabArtifact> = {}
  const skippedRoles: LabState['skippedRoles'][number][] = []
  for (const program of wanted) {
    const error = failed.get(program.part.path)
    if (error === undefined) {
      Object.assign(artifacts, await program.artifacts())
      continue
    }
    const why = `${program.part.what} cannot be made: ${firstLines(error)}`
    log(why)
    skippedRoles.push(...program.roles.map(role => ({ role, why })))
  }
  return { artifacts, skippedRoles }
}
