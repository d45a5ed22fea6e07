/** The facts: typed questions about a host, each family with the script that asks and the strict parser of its answer. */
import { randomBytes } from 'node:crypto'
import { reading } from '../shell/staging.ts'
import type { Output } from '../ssh/output.ts'
import { mark } from '../ssh/word.ts'
import { group, user, type GroupFact, type UserFact } from './account.ts'
import { boot, type BootFact } from './boot.ts'
import { command, type CommandFact } from './command.ts'
import { GarbledProbe, Refused, type Family } from './family.ts'
import { module, sysctl } from './kernel.ts'
import { line } from './line.ts'
import { debOffer, rpmOffer, type Offer, type OfferFact } from './offer.ts'
import { os, type OsFact } from './os.ts'
import { deb, rpm } from './package.ts'
import { content, link, path, sha, type FileBytes, type PathFact } from './path.ts'
import { staged } from './staged.ts'
import { block, mount, type BlockFact, type MountFact } from './storage.ts'
import { identity, pending, system, type IdentityFact, type SystemFact } from './system.ts'
import { sysctlFiles, type SysctlFilesFact } from './sysctl-files.ts'
import { unit, type UnitFact } from './unit.ts'

export { offerArg } from './offer.ts'
export { Refused }
export type {
  BlockFact,
  BootFact,
  CommandFact,
  GroupFact,
  IdentityFact,
  MountFact,
  Offer,
  OfferFact,
  PathFact,
  SysctlFilesFact,
  SystemFact,
  UnitFact,
  UserFact,
}

/**
 * What `ask` can ask about a host, and the type of each answer. A strict parser checks every answer: a host that answers
 * anything else makes the task fail, and never looks as if the thing were absent.
 *
 * @example
 * const fact: Facts['path'] = { type: 'file', mode: '0644', owner: 'root', group: 'root' }
 */
export interface Facts {
  /** Argument: a path. Type, mode and owner of what is there, without following links; null: nothing. */
  path: PathFact | null
  /** Argument: a path. SHA-256 of a regular file in lower-case hex; null: there is none. */
  sha: string | null | Refused
  /** Argument: a path. Has an interrupted run left its private directory beside it? */
  staged: boolean
  /** Argument: a path. The target of a symbolic link as written; null: no link. */
  link: string | null
  /** Argument: a path. The bytes of a regular file up to 256 KiB; null: absent, larger or not readable. */
  content: FileBytes | null
  /** Argument: a systemd unit. */
  unit: UnitFact
  /** Argument: a Debian package. Its installed version; null: not installed. */
  deb: string | null
  /** Argument: an RPM package. Its installed version; null: not installed. */
  rpm: string | null
  /** Argument: a Debian package, a blank, a pattern of versions. What the host's repositories offer if it is not installed. */
  debOffer: OfferFact
  /** Argument: an RPM package, a blank, a pattern of versions. What the host's repositories offer if it is not installed. */
  rpmOffer: OfferFact
  /** Argument: a user name; null: no such user. */
  user: UserFact | null
  /** Argument: a group name; null: no such group. */
  group: GroupFact | null
  /** Argument: a path, NUL, a line. Does the file contain this whole line? */
  line: boolean | Refused
  /** Argument: a kernel parameter. Its value; null: the kernel does not have it. */
  sysctl: string | null
  /** Argument: "". The files that set kernel parameters at boot. */
  sysctlFiles: SysctlFilesFact
  /** Argument: a kernel module. Is it loaded or built in? */
  module: boolean
  /** Argument: a directory. What is mounted there; null: nothing. */
  mount: MountFact | null
  /** Argument: a block device. What it contains; null: no such device. */
  block: BlockFact | null
  /** Argument: "". Host name and time zone. */
  identity: IdentityFact
  /** Argument: a directory of handler marks. The names of the pending handlers. */
  pending: readonly string[]
  /** Argument: a shell command that must not write. Its exit code and output. */
  command: CommandFact
  /** Argument: "". The operating system, as roles distinguish them. */
  os: OsFact
  /** Argument: "". Hardware and operating system, for people. */
  system: SystemFact
  /** Argument: "". The running boot. */
  boot: BootFact
}
/** The name of a family of facts. */
export type FamilyName = keyof Facts

const FAMILIES: { readonly [F in FamilyName]: Family<Facts[F]> } = {
  path,
  sha,
  staged,
  link,
  content,
  unit,
  deb,
  rpm,
  debOffer,
  rpmOffer,
  user,
  group,
  line,
  sysctl,
  sysctlFiles,
  module,
  mount,
  block,
  identity,
  pending,
  command,
  os,
  system,
  boot,
}

/**
 * A question about a host, made by `ask`: what is asked, never the answer.
 *
 * @example
 * const question: Query<'unit'> = ask('unit', 'k3s')
 */
export interface Query<F extends FamilyName = FamilyName> {
  readonly family: F
  /** What it is about: see `Facts`. */
  readonly arg: string
  /** The answer of a newly installed host, for plans of hosts that do not exist yet, where new-host.ts does not know it. */
  readonly whenNew?: Facts[F]
  /** Most bytes of the answer, where the family's limit is too low. */
  readonly maxBytes?: number
}

/**
 * Makes a question about a host for the `needs` of a resource; asks nothing by itself. Questions that are asked together are
 * one round trip. See `Facts` for the families, their arguments and answers.
 *
 * @param family - kind of fact
 * @param arg - what it is about, such as a path
 * @param whenNew - the answer of a newly installed host, for plans of hosts that do not exist yet
 * @param maxBytes - most bytes of the answer, where the family's limit is too low
 *
 * @example
 * const define = resource({
 *   name: (_: Common) => 'fstab is a file',
 *   needs: () => ({ fstab: ask('path', '/etc/fstab') }),
 *   plan: (_, { fstab }) => (fstab === null ? [{ what: 'create', script: ': >/etc/fstab' }] : []),
 * })
 */
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

/** Key of a query in maps. */
export const keyOf = (q: Query): string => `${q.family}:${q.arg}`

/** Is there a family of this name? */
export const isFamily = (name: string): name is FamilyName => Object.hasOwn(FAMILIES, name)

/** One script for any set of queries, with one section per family, and the parser of its output. */
export interface Batch {
  /** Only spells its marks: for openSession's `boot`, or for `run` with `marked`. */
  readonly script: string
  /** The facts by keyOf. `word`: Session.word of the session that ran the script. Throws GarbledProbe. */
  readonly parse: (output: Output, word: string) => Map<string, unknown>
  /** Limit of the output on either stream, for Session.run. */
  readonly maxBytes: number
}

/** Bytes for the marks and for warnings of programs. */
const BESIDES = 64 * 1024

/** Joins queries into one script. */
export function batch(queries: readonly Query[]): Batch {
  // Two marks: one ends a section, one separates records within a section. No other batch has the same names.
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

/** The queries of one family. */
interface Section {
  readonly family: FamilyName
  readonly args: readonly string[]
  /** Limit of their answer: each family has its own, because some parsers take longer than others. */
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
