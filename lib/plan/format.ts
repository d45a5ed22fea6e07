/**
 * The file of a saved plan: lines of JSON. The first says what the file is, the second is the plan, the third its signature; then
 * one line per approval. Everything is checked before anything of it is used.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { safeJson } from '../text/sanitise.ts'
import { isSignedBy, type SigningKey } from './signing.ts'

/** Largest file, in bytes: a plan of 500 hosts has about 20 MB. */
export const MOST_BYTES = 128 * 1024 * 1024
const MOST_APPROVALS = 16

export const HEAD = '{"type":"fmc-plan","format":1}'

const line = z.string().max(100_000)
const digest = z.string().max(64)
const time = z.iso.datetime()
const names = z.array(line).max(100_000)

const task = z.strictObject({
  play: line,
  host: line,
  delegatedBy: line.optional(),
  role: line,
  task: line,
  changes: z
    .array(
      z.strictObject({ what: line, way: digest, results: z.array(digest).max(100_000).readonly() }),
    )
    .max(100_000)
    .readonly(),
  facts: z
    .array(z.strictObject({ question: digest, family: z.string().max(64), answer: digest }))
    .max(100_000)
    .readonly(),
  estimate: z.literal(true).optional(),
  note: line.optional(),
})

/** What a plan was made from: one thing each, with a digest. */
const input = z.strictObject({
  kind: z.enum(['fmc', 'file', 'inventory', 'host', 'variable', 'secret']),
  name: line,
  digest,
})

const body = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** When, by the clock of the controller. */
  made: time,
  fmc: line,
  /** Who says to have made it. What is proved is the key of the signature. */
  by: z.strictObject({ user: line, controller: line }),
  run: z.strictObject({ kind: z.enum(['play', 'role']), name: line, pattern: line.optional() }),
  options: z.strictObject({
    inventory: line,
    lab: z.boolean(),
    limit: names.optional(),
    tags: names.optional(),
    skipTags: names.optional(),
    role: line.optional(),
    startAt: line.optional(),
    /** Names of the variables given with -e; their values are sealed. */
    extraVars: names,
  }),
  notBefore: time.optional(),
  validUntil: time.optional(),
  approvers: z.array(z.strictObject({ name: line, key: line })).max(MOST_APPROVALS),
  hosts: names,
  inputs: z.array(input).max(1_000_000),
  /** Encrypted with age: the key of the digests, the values of -e, and the diffs. */
  sealed: z.string().max(MOST_BYTES),
  tasks: z.array(task).max(10_000_000),
})

const signature = z.strictObject({ type: z.literal('signature'), key: line, signature: line })

const approval = z.strictObject({
  type: z.literal('approval'),
  name: line,
  key: line,
  at: time,
  signature: line,
})

export type PlanBody = z.infer<typeof body>
export type PlanInput = z.infer<typeof input>
export type Approval = z.infer<typeof approval>

/** A plan whose signature holds: somebody who has the private part of `signer` has signed exactly this. Whose key that is, the caller must know. */
export interface PlanFile {
  readonly body: PlanBody
  /** `ssh-ed25519 AAAA…`. */
  readonly signer: string
  /** Each with a valid signature of its own key. Whether that is the approver's, `approvalsLeft` says. */
  readonly approvals: readonly Approval[]
  /** The file's first two lines, which are what is signed. */
  readonly text: string
}

const PURPOSE = 'fmc plan 1\n'

/** What an approver signs: this plan, as this name, at this time. */
const approvedText = (text: string, { name, at }: Pick<Approval, 'name' | 'at'>): string => {
  const plan = createHash('sha256').update(text).digest('hex')
  return `fmc plan approval 1\n${JSON.stringify({ plan, name, at })}`
}

/** The text of a new file. */
export function writePlan(plan: PlanBody, key: SigningKey): string {
  const text = `${HEAD}\n${safeJson(plan)}`
  const signed = { type: 'signature', key: key.publicKey, signature: key.sign(PURPOSE + text) }
  return `${text}\n${safeJson(signed)}\n`
}

/** The line of an approval, for the end of the file. */
export function approvalLine(
  { text }: Pick<PlanFile, 'text'>,
  name: string,
  key: SigningKey,
  at: string = new Date().toISOString(),
): string {
  const signed = key.sign(approvedText(text, { name, at }))
  return `${safeJson({ type: 'approval', name, key: key.publicKey, at, signature: signed })}\n`
}

/** Reads the text of a plan's file. Throws UsageError for anything that is not a plan with a valid signature. */
export function parsePlan(text: string, file: string): PlanFile {
  const lines = text.split('\n')
  const [head, plan = '', third = '', ...rest] = lines
  if (head?.startsWith(`${HEAD}\r`))
    throw damaged(file, 1, 'its line ends are not those that fmc writes')
  if (head !== HEAD)
    throw new UsageError(
      /^\{"type":"fmc-plan"/.test(head ?? '')
        ? `${file} is a plan of another version of fmc`
        : `${file} is not a saved plan`,
      { hint: 'fmc plan site --out plan.fmc' },
    )
  if (rest.pop() !== '') throw damaged(file, lines.length, 'it does not end with a line end')
  if (rest.length > MOST_APPROVALS) throw damaged(file, 4, 'it has too many approvals')
  const signed = strictly(signature, third, file, 3)
  const both = `${head}\n${plan}`
  if (!isSignedBy(signed.key, PURPOSE + both, signed.signature))
    throw new UsageError(`${file} was changed after it was signed: its signature does not hold`, {
      hint: 'get the file again from who made it, or make a new plan',
    })
  const approvals = rest.map((one, i) => {
    const found = strictly(approval, one, file, i + 4)
    if (isSignedBy(found.key, approvedText(both, found), found.signature)) return found
    throw damaged(file, i + 4, 'the signature of this approval does not hold')
  })
  return { body: strictly(body, plan, file, 2), signer: signed.key, approvals, text: both }
}

const damaged = (file: string, at: number, why: string): UsageError =>
  new UsageError(`${file}:${at}: ${why}`, { hint: 'get the file again, or make a new plan' })

/** A line in exactly the form in which fmc writes it, so that no byte of it can change unnoticed. */
function strictly<T>(schema: z.ZodType<T>, text: string, file: string, at: number): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged(file, at, 'this line is not JSON')
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const path = issue?.path.map(String).join('.') ?? ''
    throw damaged(file, at, `${path === '' ? 'this line' : path}: ${issue?.message ?? 'is wrong'}`)
  }
  if (safeJson(value) !== text) throw damaged(file, at, 'this line is not as fmc writes it')
  return parsed.data
}

/** The approvers who have not approved yet, and what is wrong. Only the key that the plan itself names counts. */
export const approvalsLeft = ({ body: { approvers }, approvals }: PlanFile): string[] =>
  approvers
    .filter(({ name, key }) => !approvals.some(a => a.name === name && a.key === key))
    .map(({ name }) => name)

/** Throws UsageError outside of the time for which a plan is meant. */
export function demandInTime(
  { notBefore, validUntil }: Pick<PlanBody, 'notBefore' | 'validUntil'>,
  file: string,
  now = new Date(),
): void {
  if (notBefore !== undefined && now < new Date(notBefore))
    throw new UsageError(`${file} must not be applied before ${notBefore}`)
  if (validUntil !== undefined && now > new Date(validUntil))
    throw new UsageError(`${file} was valid until ${validUntil}`, {
      hint: 'make a new plan',
    })
}
