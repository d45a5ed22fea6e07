import { hostname, userInfo } from 'node:os'
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { Event, RecapEvent } from '../../engine/events.ts'
import type { Plan } from '../../engine/plan.ts'
import { savedTask, type SavedTask } from '../../engine/saved/digests.ts'
import { EXIT, UsageError } from '../../errors.ts'
import { digestWith, newDigestKey, sealBox } from '../../plan/box.ts'
import { demandReplaceable, writeWhole } from '../../plan/file.ts'
import { writePlan, type PlanBody } from '../../plan/format.ts'
import { approverKey, readSigners, signersFile } from '../../plan/signers.ts'
import { fingerprint } from '../../plan/signing.ts'
import { redactor } from '../../secrets/redact.ts'
import { quote } from '../../shell/quote.ts'
import type { PlayOptions } from '../commands/play.ts'
import type { Ready } from '../prepare.ts'
import { entriesOf } from './entries.ts'
import { inputsOf } from './inputs.ts'
import { keysOf, planRecipients, signingKey } from './keys.ts'
import { momentOf } from './moment.ts'
import type { PlanRun, PlanWork } from './work.ts'

declare const FMC_VERSION: string

/** The run's plan becomes a file. Everything that can be wrong with it is found before any host is connected to. Throws UsageError. */
export async function savePlan(ready: Ready, run: PlanRun, o: PlayOptions): Promise<PlanWork> {
  const { chosen, hosts, inventory } = ready
  const file = o.out ?? ''
  if (chosen.book.readOnly)
    throw new UsageError(`play ${chosen.book.name} only reads the hosts: there is nothing to apply`)
  demandReplaceable(file)
  const keys = await keysOf(o)
  const key = signingKey(keys)
  const notBefore = o.notBefore && momentOf('--not-before', o.notBefore)
  const validUntil = o.validUntil && momentOf('--valid-until', o.validUntil)
  if (validUntil && new Date(validUntil) < (notBefore ? new Date(notBefore) : new Date()))
    throw new UsageError(`--valid-until ${validUntil} is over before the plan can be applied`)
  const approvers = approversOf(o, key.publicKey)
  const recipients = await planRecipients(keys, inventory.secretsFile, o.identity)
  const box = { digestKey: newDigestKey(), extraVars: ownVars(o) }
  const digest = digestWith(box)
  const inputs = await inputsOf(ready, entriesOf(run, o.inventory), digest)
  const redact = redactor(chosen.context.secrets)
  const body: Omit<PlanBody, 'tasks' | 'sealed' | 'made'> = {
    id: randomBytes(16).toString('hex'),
    fmc: FMC_VERSION,
    by: { user: userName(), controller: hostname() },
    run: { ...run },
    options: {
      inventory: resolve(o.inventory),
      lab: chosen.lab !== undefined,
      ...(o.limit === undefined && o.shard === undefined ? {} : { limit: hosts.map(h => h.name) }),
      ...(o.tags === undefined ? {} : { tags: [...o.tags] }),
      ...(o.skipTags === undefined ? {} : { skipTags: [...o.skipTags] }),
      ...(o.role === undefined ? {} : { role: o.role }),
      ...(o.startAt === undefined ? {} : { startAt: o.startAt }),
      extraVars: [...chosen.context.extraVars.keys()],
    },
    ...(notBefore ? { notBefore } : {}),
    ...(validUntil ? { validUntil } : {}),
    approvers,
    hosts: hosts.map(h => h.name),
    inputs,
  }
  let found: Found | undefined
  let recap: RecapEvent | undefined
  const write = async ({ tasks, diffs }: Found): Promise<Event[]> => {
    const sealed = await sealBox({ ...box, diffs }, recipients)
    const made = new Date().toISOString()
    writeWhole(file, writePlan({ ...body, made, sealed, tasks }, key))
    const many = `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'}`
    const asks = approvers.map(a => a.name).join(', ')
    return [
      note('info', `${file}: the plan of ${many}, signed by ${fingerprint(key.publicKey)}`),
      ...(asks === '' ? [] : [note('info', `before it is applied, ${asks} must approve it`)]),
    ]
  }
  return {
    settings: {
      digest,
      diff: true,
      onPlan: plan => (found = tasksOf(plan, digest, redact)),
    },
    job: [],
    notes: [],
    events(event) {
      if (event.type !== 'recap') return [o.diff ? event : withoutDiffs(event)]
      recap = event
      return []
    },
    async end() {
      if (!recap) return { events: [] }
      const isWhole = recap.exitCode === EXIT.ok || recap.exitCode === EXIT.pending
      if (!isWhole || !found?.complete)
        return {
          events: [
            note('warning', `${file} was not written: not every host could be planned`),
            recap,
          ],
        }
      try {
        const notes = await write(found)
        const next = recap.next === undefined ? {} : { next: `fmc apply ${quote(file)}` }
        return { events: [...notes, { ...recap, ...next }] }
      } catch (error) {
        return { events: [recap], error }
      }
    },
  }
}

const note = (level: 'info' | 'warning', text: string): Event => ({ type: 'note', level, text })

/** What of a finished plan goes into the file. */
interface Found {
  readonly tasks: SavedTask[]
  readonly diffs: Record<string, string[]>
  /** Every host was planned to its end. */
  readonly complete: boolean
}

function tasksOf(plan: Plan, digest: (text: string) => string, redact: (text: string) => string) {
  const tasks: SavedTask[] = []
  const diffs: Record<string, string[]> = {}
  for (const one of plan.values())
    for (const record of [...one.roles.values()].flat()) {
      if (record.changes.length === 0 || record.error) continue
      const task = savedTask(one.play, record, digest)
      const shown = record.changes.flatMap(change => (change.diff ? [redact(change.diff)] : []))
      if (shown.length > 0) diffs[String(tasks.length)] = shown
      tasks.push({
        ...task,
        task: redact(task.task),
        changes: task.changes.map(change => ({ ...change, what: redact(change.what) })),
        ...(task.note === undefined ? {} : { note: redact(task.note) }),
      })
    }
  return { tasks, diffs, complete: [...plan.values()].every(one => one.complete) }
}

const withoutDiffs = (event: Event): Event =>
  event.type === 'task' ? { ...event, changes: event.changes.map(({ what }) => ({ what })) } : event

/** The keys that --require-approval means. */
function approversOf(o: PlayOptions, own: string): { name: string; key: string }[] {
  const names = [...new Set(o.requireApproval ?? [])]
  if (names.length === 0) return []
  const signers = readSigners(o.inventory)
  const approvers = names.map(name => {
    const key = approverKey(signers, name, signersFile(o.inventory))
    if (key !== own) return { name, key }
    throw new UsageError(
      `--require-approval ${name}: the key of ${name} signs this plan, and nobody approves a plan of their own`,
    )
  })
  for (const [i, { name, key }] of approvers.entries()) {
    const same = approvers.slice(0, i).find(other => other.key === key)
    if (same)
      throw new UsageError(
        `--require-approval ${name}: ${same.name} has the same key, and one person cannot approve for two`,
      )
  }
  return approvers
}

/** The options -e as they are kept: a file by its whole path. */
const ownVars = ({ extraVars = [] }: PlayOptions): string[] =>
  extraVars.map(given => (given.startsWith('@') ? `@${resolve(given.slice(1))}` : given))

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.geteuid?.() ?? '?'}`
  }
}
