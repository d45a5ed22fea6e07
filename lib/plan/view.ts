/** What people see of a saved plan. */
import { cleanLine } from '../text/sanitise.ts'
import { approvalsLeft, type PlanBody, type PlanFile } from './format.ts'
import { fingerprint } from './signing.ts'

type Task = PlanBody['tasks'][number]

/** A task with its diffs. */
export interface ShownTask extends Omit<Task, 'changes' | 'facts'> {
  readonly changes: readonly { readonly what: string }[]
  readonly diffs: readonly string[]
}

/** A saved plan without its digests. */
export interface PlanView {
  readonly id: string
  readonly command: string
  readonly made: string
  readonly fmc: string
  readonly by: PlanBody['by']
  readonly lab: boolean
  readonly signedBy: string
  /** Neither the user's own key nor one that the project knows. */
  readonly known: boolean
  readonly options: readonly string[]
  readonly notBefore: string | undefined
  readonly validUntil: string | undefined
  readonly approvals: readonly {
    readonly name: string
    readonly key: string
    readonly at: string
  }[]
  readonly approvalsLeft: readonly string[]
  readonly hosts: readonly string[]
  readonly tasks: readonly ShownTask[]
  /** The diffs are encrypted to somebody else. */
  readonly sealed: boolean
}

/** What to show of a plan. `diffs`: of its opened box; undefined: it could not be opened. */
export function viewOf(
  plan: PlanFile,
  o: {
    readonly signedBy: string
    readonly known: boolean
    readonly diffs: Readonly<Record<string, readonly string[]>> | undefined
  },
): PlanView {
  const { body } = plan
  const { run, options } = body
  return {
    id: body.id,
    command: [run.kind, run.name, ...(run.pattern === undefined ? [] : [run.pattern])].join(' '),
    ...{ made: body.made, fmc: body.fmc, by: body.by, lab: options.lab },
    ...{ signedBy: o.signedBy, known: o.known },
    options: [
      ...(options.limit === undefined ? [] : [`--limit ${options.limit.join(',')}`]),
      ...(options.tags === undefined ? [] : [`--tags ${options.tags.join(',')}`]),
      ...(options.skipTags === undefined ? [] : [`--skip-tags ${options.skipTags.join(',')}`]),
      ...(options.role === undefined ? [] : [`--role ${options.role}`]),
      ...(options.startAt === undefined ? [] : [`--start-at ${options.startAt}`]),
      ...options.extraVars.map(name => `-e ${name}=…`),
    ],
    notBefore: body.notBefore,
    validUntil: body.validUntil,
    approvals: plan.approvals.map(({ name, key, at }) => ({ name, key: fingerprint(key), at })),
    approvalsLeft: approvalsLeft(plan),
    hosts: body.hosts,
    tasks: body.tasks.map(({ changes, facts: _, ...task }, i) => ({
      ...task,
      changes: changes.map(({ what }) => ({ what })),
      diffs: o.diffs?.[String(i)] ?? [],
    })),
    sealed: o.diffs === undefined,
  }
}

/** The view as NDJSON values: one for the plan, then one per task. */
export const viewLines = ({ tasks, ...plan }: PlanView): object[] => [
  { type: 'plan', ...plan, tasks: tasks.length },
  ...tasks.map(task => ({ type: 'task', ...task })),
]

/** What stands above the tasks, as label and text. */
export function headOf(view: PlanView): [label: string, text: string][] {
  const command = [`fmc ${view.command}`, ...view.options, ...(view.lab ? ['--lab'] : [])]
  return [
    ['plan', command.join(' ')],
    ['made', `${view.made} by ${view.by.user} on ${view.by.controller}, fmc ${view.fmc}`],
    ['signed by', view.known ? view.signedBy : `${view.signedBy}: this project does not know it`],
    ...(view.notBefore === undefined ? [] : [pair('not before', view.notBefore)]),
    ...(view.validUntil === undefined ? [] : [pair('valid until', view.validUntil)]),
    ...view.approvals.map(({ name, key, at }) => pair('approved by', `${name} (${key}) at ${at}`)),
    ...view.approvalsLeft.map(name => pair('needs', `the approval of ${name}`)),
    ['changes', totalOf(view)],
    ...(view.sealed ? [pair('diffs', 'encrypted, and your age identity does not open them')] : []),
  ]
}

const pair = (label: string, text: string): [string, string] => [label, text]

const totalOf = ({ tasks, hosts }: PlanView): string => {
  const changed = new Set(tasks.map(t => t.delegatedBy ?? t.host))
  return `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'} on ${changed.size} of ${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'}`
}

/** The host of a task as reports show it: "worker4 → master1" for a task that a role runs elsewhere. */
export const hostOf = ({ host, delegatedBy }: Pick<Task, 'host' | 'delegatedBy'>): string =>
  delegatedBy === undefined ? host : `${delegatedBy} → ${host}`

/** As lines of text, without control characters: play, host, role, task, what would change, then the diff. */
export function viewText(view: PlanView): string {
  return [
    ...headOf(view).map(([label, text]) => `${label.padEnd(12)}${cleanLine(text)}`),
    '',
    ...(view.tasks.length === 0 ? ['nothing would change'] : view.tasks.flatMap(taskLines)),
  ].join('\n')
}

const taskLines = (task: ShownTask): string[] => [
  [task.play, hostOf(task), task.role, task.task, changeOf(task)].map(cleanLine).join(' | '),
  ...task.diffs.flatMap(diff =>
    diff
      .replace(/\n$/, '')
      .split('\n')
      .map(line => `    ${cleanLine(line)}`),
  ),
]

/** What a task would change, in words. */
export const changeOf = ({ changes, estimate, note }: ShownTask): string =>
  [
    changes.map(({ what }) => what).join(', '),
    ...(estimate ? ['estimate'] : []),
    ...(note === undefined ? [] : [note]),
  ].join('; ')
