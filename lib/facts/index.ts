import { randomBytes } from 'node:crypto'
import { reading } from '../shell/staging.ts'
import type { Output } from '../ssh/types.ts'
import { mark } from '../ssh/word.ts'
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
  /** Most bytes of the answer, where they are more than the family says. */
  readonly maxBytes?: number
}

/** `ask('path', '/etc/fstab')`; `line` takes path NUL line, `identity` and `system` take "". */
export const ask = <F extends FamilyName>(
  family: F,
  arg: string,
  whenNew?: Facts[F],
  maxBytes?: number,
): Query<F> => ({
  family,
  arg,
  ...(whenNew === undefined ? {} : { whenNew }),
  ...(maxBytes === undefined ? {} : { maxBytes }),
})

/** Identity of a question, for maps. */
export const keyOf = (q: Query): string => `${q.family}:${q.arg}`

export const isFamily = (name: string): name is FamilyName => Object.hasOwn(FAMILIES, name)

/** One script for any set of questions, one section per family, and the strict parser of its answer. */
export interface Batch {
  /** Spells its marks: for openSession's boot, or for `run` with `marked`. */
  readonly script: string
  /** Facts by keyOf. `word`: of the session that ran the script (Session.word). Throws GarbledProbe. */
  readonly parse: (output: Output, word: string) => Map<string, unknown>
  /** Most bytes that a sound answer has on either stream, for Session.run. */
  readonly maxBytes: number
}

/** For the marks, and for what programs complain about besides. */
const BESIDES = 64 * 1024

export function batch(queries: readonly Query[]): Batch {
  // Two marks: one ends a section, one separates records within a section. Their names are another batch's no more.
  const id = randomBytes(4).toString('hex')
  const [section, record] = [mark(`s${id}`), mark(`r${id}`)]
  const byFamily = new Map<FamilyName, { args: Set<string>; most: number }>()
  for (const { family, arg, maxBytes: more = 0 } of queries) {
    const { each, besides = 0 } = FAMILIES[family].bytes
    const asked = byFamily.get(family) ?? { args: new Set(), most: BESIDES + besides }
    if (!asked.args.has(arg)) asked.most += Math.max(each, more)
    asked.args.add(arg)
    byFamily.set(family, asked)
  }
  const sections = [...byFamily].map(([family, { args, most }]) => ({
    family,
    args: [...args],
    most,
  }))
  const read = sections.flatMap(s => FAMILIES[s.family].reads?.(s.args) ?? [])
  const answers = sections
    .map(
      ({ family, args }) =>
        `${FAMILIES[family].script(args, record.spelled)}\nprintf '${section.spelled}%d;' $?; printf '${section.spelled}' >&2`,
    )
    .join('\n')
  return {
    script: read.length === 0 ? answers : reading(read) + answers,
    maxBytes: sections.reduce((sum, { most }) => sum + most, BESIDES),
    parse: (output, word) =>
      parseSections(output, sections, section.printed(word), record.printed(word)),
  }
}

/** The questions of one family. */
interface Section {
  readonly family: FamilyName
  readonly args: readonly string[]
  /** Most bytes of their answer: what one family may say is not for another, whose parser takes longer. */
  readonly most: number
}

function parseSections(
  { stdout, stderr }: Output,
  sections: readonly Section[],
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
  sections.forEach(({ family, args, most }, i) => {
    const next = outs[i + 1] ?? ''
    const code = /^(\d{1,3});/.exec(next)
    if (code?.[1] === undefined) throw new GarbledProbe(family, next)
    if (Math.max(out.length, errs[i]?.length ?? 0) > most)
      throw new GarbledProbe(family, `more than ${most} bytes: ${out}`)
    const answer = { out, err: errs[i] ?? '', code: Number(code[1]) }
    const answers: readonly unknown[] = FAMILIES[family].parse(answer, args, record)
    args.forEach((arg, k) => facts.set(`${family}:${arg}`, answers[k]))
    out = next.slice(code[0].length)
  })
  return facts
}
