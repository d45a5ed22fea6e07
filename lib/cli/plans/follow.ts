import { cacheDir } from '../../cache-dir.ts'
import { Progress } from '../../engine/saved/progress.ts'
import { EXIT, UsageError } from '../../errors.ts'
import { digestWith, openBox, type Box } from '../../plan/box.ts'
import { approvalsLeft, demandInTime } from '../../plan/format.ts'
import { moved } from '../../plan/moved.ts'
import { signersFile } from '../../plan/signers.ts'
import { fingerprint } from '../../plan/signing.ts'
import { redactor } from '../../secrets/redact.ts'
import { quote } from '../../shell/quote.ts'
import { sameCommand } from '../own-flags.ts'
import type { Ready } from '../prepare.ts'
import { entriesOf } from './entries.ts'
import { inputsOf } from './inputs.ts'
import { demandKnownSigner, signerWords, type OpenedPlan } from './open.ts'
import type { PlanRun, PlanWork } from './work.ts'

/** How many of the things that have changed an error names. */
const MOST_NAMED = 30

/** Throws UsageError unless the plan may be applied now: known signature, its time, all approvals. */
export function demandApplicable(opened: OpenedPlan, now = new Date()): void {
  const { file, plan, signers, inventory } = opened
  demandKnownSigner(opened)
  demandInTime(plan.body, file, now)
  const left = approvalsLeft(plan)
  if (left.length > 0)
    throw new UsageError(`${file} still needs the approval of ${left.join(', ')}`, {
      hint: left.map(name => `fmc approve ${quote(file)} --as ${name}`).join('\n  '),
    })
  for (const { name, key } of plan.body.approvers)
    if (!(signers.get(name) ?? []).includes(key))
      throw new UsageError(
        `${signersFile(inventory)} no longer gives ${name} the key ${fingerprint(key)}, which has approved ${file}`,
        { hint: 'make a new plan' },
      )
}

/** The encrypted part. Throws UsageError if the user's identity does not open it. */
export async function boxOf({ file, plan, keys }: OpenedPlan): Promise<Box> {
  const box = await openBox(plan.body.sealed, keys.identities, file)
  if (box) return box
  throw new UsageError(
    `your age identity does not open ${file}: it is encrypted to who made it and to who could open the project's secrets then`,
    { hint: 'name the right one with --identity FILE, or ask for a new plan' },
  )
}

export const runOf = ({ plan: { body } }: Pick<OpenedPlan, 'plan'>): PlanRun => ({
  kind: body.run.kind,
  name: body.run.name,
  ...(body.run.pattern === undefined ? {} : { pattern: body.run.pattern }),
})

/** The option with its time, if that is to come. */
const ahead = (option: string, time: string | undefined): string[] =>
  time !== undefined && Date.parse(time) > Date.now()
    ? [`${option} ${time.replace(/\.\d+Z$/, 'Z')}`]
    : []

/** The whole command that makes a new plan of the same. The values of -e stay in the sealed part. */
function againOf({ inventory, file, plan }: OpenedPlan): string {
  const { run, options, approvers, notBefore, validUntil } = plan.body
  const { limit, tags, skipTags, role, startAt, lab, extraVars } = options
  const words = [run.name, ...(run.pattern === undefined ? [] : [run.pattern])].map(quote)
  const command = sameCommand(
    [
      ...(run.kind === 'play' ? ['plan', ...words] : ['role', ...words, '--dry-run']),
      ...['--out', quote(file)],
      ...approvers.map(a => `--require-approval ${quote(a.name)}`),
      ...ahead('--not-before', notBefore),
      ...ahead('--valid-until', validUntil),
    ].join(' '),
    {
      ...{ inventory, lab, tags, skipTags, role },
      ...(limit === undefined ? {} : { limit: [limit.join(',')] }),
      ...(startAt === undefined ? {} : { startAt }),
    },
  )
  const vars = extraVars.map(name => `-e ${name}=…`).join(' ')
  return vars === '' ? command : `${command}   # and your own ${vars}`
}

/** The run applies the plan and nothing else. Throws UsageError if what the plan was made from has changed. */
export async function followPlan(ready: Ready, opened: OpenedPlan, box: Box): Promise<PlanWork> {
  const { file, plan } = opened
  const run = runOf(opened)
  const digest = digestWith(box)
  const inputs = await inputsOf(ready, entriesOf(run, opened.inventory), digest)
  const changed = moved(plan.body.inputs, inputs)
  const again = againOf(opened)
  if (changed.length > 0) {
    const named = changed.slice(0, MOST_NAMED).map(text => `\n  ${text}`)
    const more = changed.length - named.length
    throw new UsageError(
      `${file} does not fit any more, and nothing was touched:${named.join('')}${more > 0 ? `\n  and ${more} more` : ''}`,
      { hint: again },
    )
  }
  let refused = false
  const dir = ready.chosen.lab?.dir ?? cacheDir()
  let progress: Progress | undefined
  const approvals = plan.approvals.map(a => `; ${a.name} approved it at ${a.at}`).join('')
  return {
    settings: { digest },
    follow(resumed) {
      progress = new Progress(dir, plan.body.id, digest, resumed)
      const shown = redactor(ready.chosen.context.secrets)
      return { tasks: plan.body.tasks, digest, shown, progress, again }
    },
    job: ['plan', plan.body.id],
    notes: [`${file}: planned at ${plan.body.made}, signed by ${signerWords(opened)}${approvals}`],
    next: `fmc apply ${quote(file)}`,
    events(event) {
      if (event.type === 'task') refused ||= event.failure?.hint?.includes(' --out ') ?? false
      if (event.type === 'recap' && event.exitCode === EXIT.ok) progress?.end()
      // What was refused stays refused.
      return event.type === 'recap' && refused && event.next !== undefined
        ? [{ ...event, next: again }]
        : [event]
    },
    end: () => Promise.resolve({ events: [] }),
  }
}
