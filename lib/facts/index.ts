import { randomBytes } from 'node:crypto'
import { reading } from '../shell/staging.ts'
import type { Output } from '../ssh/types.ts'
import { group, user, type GroupFact, type UserFact } from './account.ts'
import { boot, type BootFact } from './boot.ts'
import { command, type CommandFact } from './command.ts'
import { GarbledProbe, Refused, type Family } from './family.ts'
import { module, sysctl } from './kernel.ts'
import { line } from './line.ts'
import { deb, rpm } from './package.ts'
import { content, link, path, sha, type PathFact } from './path.ts'
import { block, mount, type BlockFact, type MountFact } from './storage.ts'
import { identity, pending, system, type IdentityFact, type SystemFact } from './system.ts'
import { unit, type UnitFact } from './unit.ts'

export { Refused }
export type {
  BlockFact,
  BootFact,
  CommandFact,
  GroupFact,
  IdentityFact,
  MountFact,
  PathFact,
  SystemFact,
  UnitFact,
  UserFact,
}

/** The vocabulary: what can be asked about a host, and the type of the answer. */
export interface Facts {
  path: PathFact | null
  sha: string | null | Refused
  link: string | null
  content: Buffer | null
  unit: UnitFact
  deb: string | null
  rpm: string | null
  user: UserFact | null
  group: GroupFact | null
  line: boolean | Refused
  sysctl: string | null
  module: boolean
  mount: MountFact | null
  block: BlockFact | null
  identity: IdentityFact
  pending: readonly string[]
  command: CommandFact
  system: SystemFact
  boot: BootFact
}
export type FamilyName = keyof Facts

const FAMILIES: { readonly [F in FamilyName]: Family<Facts[F]> } = {
  path,
  sha,
  link,
  content,
  unit,
  deb,
  rpm,
  user,
  group,
  line,
  sysctl,
  module,
  mount,
  block,
  identity,
  pending,
  command,
  system,
  boot,
}

/** A question. It says what is asked and never holds an answer. */
export interface Query<F extends FamilyName = FamilyName> {
  readonly family: F
  readonly arg: string
  /** What a freshly installed host would answer, where fresh.ts cannot know: for plans of hosts that are not there yet. */
  readonly whenNew?: Facts[F]
}

/** `ask('path', '/etc/fstab')`; `line` takes path NUL line, `identity` and `system` take "". */
export const ask = <F extends FamilyName>(
  family: F,
  arg: string,
  whenNew?: Facts[F],
): Query<F> => ({ family, arg, ...(whenNew === undefined ? {} : { whenNew }) })

/** Identity of a question, for maps. */
export const keyOf = (q: Query): string => `${q.family}:${q.arg}`

export const isFamily = (name: string): name is FamilyName => Object.hasOwn(FAMILIES, name)

/** One script for any set of questions, one section per family, and the strict parser of its answer. */
export interface Batch {
  readonly script: string
  /** Facts by keyOf. Throws GarbledProbe. */
  readonly parse: (output: Output) => Map<string, unknown>
}

export function batch(queries: readonly Query[]): Batch {
  // Two marks that nothing on the host can guess: one ends a section, one separates records within a section. The
  // script only spells them, so that a question which lists processes does not find them.
  const [section, record] = [randomBytes(9).toString('hex'), randomBytes(9).toString('hex')]
  const byFamily = new Map<FamilyName, string[]>()
  for (const { family, arg } of queries) {
    const args = byFamily.get(family)
    if (args === undefined) byFamily.set(family, [arg])
    else if (!args.includes(arg)) args.push(arg)
  }
  const sections = [...byFamily]
  const read = sections.flatMap(([family, args]) => FAMILIES[family].reads?.(args) ?? [])
  const answers = sections
    .map(
      ([family, args]) =>
        `${FAMILIES[family].script(args, `\\036${record}:`)}\nprintf '\\036${section}:%d;' $?; printf '\\036${section}:' >&2`,
    )
    .join('\n')
  return {
    script: read.length === 0 ? answers : reading(read) + answers,
    parse: output => parseSections(output, sections, `\x1e${section}:`, `\x1e${record}:`),
  }
}

function parseSections(
  { stdout, stderr }: Output,
  sections: readonly (readonly [FamilyName, readonly string[]])[],
  section: string,
  record: string,
): Map<string, unknown> {
  const outs = stdout.split(section)
  const errs = stderr.split(section)
  if (outs.length !== sections.length + 1 || errs.length !== sections.length + 1)
    throw new GarbledProbe(
      'probe',
      `${outs.length - 1} answers for ${sections.length} questions: ${stderr || stdout}`,
    )
  const facts = new Map<string, unknown>()
  let out = outs[0] ?? ''
  sections.forEach(([family, args], i) => {
    const next = outs[i + 1] ?? ''
    const code = /^(\d+);/.exec(next)
    if (code?.[1] === undefined) throw new GarbledProbe(family, next)
    const answer = { out, err: errs[i] ?? '', code: Number(code[1]) }
    const answers: readonly unknown[] = FAMILIES[family].parse(answer, args, record)
    args.forEach((arg, k) => facts.set(`${family}:${arg}`, answers[k]))
    out = next.slice(code[0].length)
  })
  return facts
}
