import type { Lab } from '../../../lib/testing/lab.ts'
import type { FmcRun } from '../../../lib/testing/run.ts'
import { quote } from '../../../lib/shell/quote.ts'
import { numberOf, random } from '../cells.ts'
import { HAND_CHANGES, look, type HandChange } from './changes.ts'
import { inside } from './hosts.ts'

/** A change to one thing of one host. */
export interface Drift {
  readonly change: HandChange
  readonly host: string
  readonly role: string
  readonly thing: string
}

const groupBy = <T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}

/** What came of a cycle. */
export interface Cycle {
  readonly made: readonly Drift[]
  readonly violations: readonly string[]
  /** Seconds of the dry run, the run, and the next. */
  readonly seconds: readonly number[]
}

export const nameOf = (d: Drift): string =>
  `${d.change.of} ${d.thing} on ${d.host} (${d.role}): ${d.change.name}`

/** Everything that could be done by hand to what a run of the site has declared. */
export function possible(run: FmcRun): Drift[] {
  const seen = new Set<string>()
  return run.tasks.flatMap(({ host, role, task }) =>
    HAND_CHANGES.flatMap((change, i): Drift[] => {
      const thing = change.on.exec(task)?.[1]
      const id = `${host} ${i} ${thing}`
      if (thing === undefined || seen.has(id)) return []
      seen.add(id)
      return [{ change, host, role, thing }]
    }),
  )
}

/**
 * The changes of one cycle: kinds first, then one of its things, so that rare kinds come as often as files. At most one to a
 * thing, one refused to a host, one that cuts hosts off; what is refused comes only in a cycle of such.
 */
export function choose(all: readonly Drift[], seed: number, cycle: number, many: number): Drift[] {
  const next = random(numberOf(`roles ${seed} ${cycle}`))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const refusing = cycle % 4 === 3
  const fit = all.filter(d => (d.change.refused !== undefined) === refusing)
  const byKind = groupBy(fit, d => `${d.change.of} ${d.change.name}`)
  const kinds = [...byKind.keys()]
  const byHost = groupBy(fit, d => d.host)
  const chosen: Drift[] = []
  const used = new Set<string>()
  for (let i = 0; i < many * 4 && chosen.length < many; i++) {
    const list = i % 2 === 0 ? byKind.get(pick(kinds))! : byHost.get(pick([...byHost.keys()]))!
    const d = pick(list)
    const things = [`${d.host} ${d.thing}`, ...placesOf(d)]
    if (things.some(thing => used.has(thing))) continue
    things.forEach(thing => used.add(thing))
    chosen.push(d)
  }
  return chosen
}

/** What there may be only one of in a cycle. */
const placesOf = ({ change, host, thing }: Drift): string[] => [
  ...(change.cuts ? ['a host that is cut off'] : []),
  ...(change.refused ? [`refused ${host}`] : []),
  ...(change.of === 'package' ? [`package ${host}`] : []),
  ...(change.of === 'packet filter' || change.of === 'network' ? [`${change.of} ${host}`] : []),
  ...(/^\/etc\/systemd\/system\/([^/]+?)(?:\.d\/.*)?$/.test(thing)
    ? [`${host} ${/^\/etc\/systemd\/system\/([^/]+?)(?:\.service|\.d\/.*)?$/.exec(thing)?.[1]}`]
    : []),
]

const script = (d: Drift, text: string): string =>
  `(f=${quote(d.thing)}; ${text}) </dev/null >/dev/null 2>&1; echo "$?"`

const onHosts = async <T>(
  drifts: readonly Drift[],
  work: (host: string, of: readonly Drift[]) => Promise<readonly T[]>,
): Promise<T[]> => {
  const byHost = groupBy(drifts, d => d.host)
  return (await Promise.all([...byHost].map(([host, of]) => work(host, of)))).flat()
}

/** Makes the changes; resolves with those that were made: some do not apply to a thing, or fail. */
const make = (lab: Lab, drifts: readonly Drift[]): Promise<Drift[]> =>
  onHosts(drifts, async (host, of) => {
    const { stdout } = await inside(
      lab.state,
      host,
      of.map(d => script(d, `set -e; ${d.change.script}`)).join('\n'),
    )
    const codes = stdout.trim().split('\n')
    return of.filter((_, i) => codes[i] === '0')
  })

const undo = (lab: Lab, drifts: readonly Drift[]): Promise<unknown> =>
  onHosts(
    drifts.filter(d => d.change.undo !== undefined),
    async (host, of) => {
      const { stdout } = await inside(
        lab.state,
        host,
        of.map(d => script(d, d.change.undo ?? ':')).join('\n'),
      )
      return [stdout]
    },
  )

const MARK = '== by hand =='
/** How each thing is now. */
async function looks(lab: Lab, drifts: readonly Drift[]): Promise<Map<Drift, string>> {
  const pairs = await onHosts(drifts, async (host, of) => {
    const { stdout } = await inside(
      lab.state,
      host,
      of
        .map(
          d => `(f=${quote(d.thing)}; ${look(d.change.of)}) </dev/null 2>/dev/null; echo '${MARK}'`,
        )
        .join('\n'),
    )
    const said = stdout.split(`${MARK}\n`)
    return of.map((d, i) => [d, said[i] ?? ''] as const)
  })
  return new Map(pairs)
}

const timed = async (runs: number[], work: Promise<FmcRun>): Promise<FmcRun> => {
  const began = performance.now()
  const ran = await work
  runs.push(Math.round((performance.now() - began) / 100) / 10)
  return ran
}

const SITE = ['play', 'site'] as const
/** A gate that never opens must not take minutes. */
export const PATIENCE = { FMC_GATE_SECONDS: '25' }
const firstLine = (text: string): string => text.split('\n')[0] ?? ''

/** Makes changes by hand, then asks the dry run, the run, and the next run of the site. */
export async function play(lab: Lab, chosen: readonly Drift[]): Promise<Cycle> {
  const before = await looks(lab, chosen)
  const made = await make(lab, chosen)
  const seconds: number[] = []
  const violations: string[] = []
  const wrong = (text: string): unknown => violations.push(text)
  const dry = await timed(seconds, lab.fmcWith(PATIENCE, ...SITE, '--dry-run'))
  const refused = made.filter(d => d.change.refused !== undefined)
  if (refused.length > 0) {
    judgeRefused(dry, refused, wrong)
    await undo(lab, refused)
    const again = await timed(seconds, lab.fmcWith(PATIENCE, ...SITE))
    judgeDone(again, 'the run after it was taken back', wrong)
  } else {
    const cuts = made.some(d => d.change.cuts === 'behind')
    const silent = cuts ? judgeCut(dry, wrong) : judgeDone(dry, 'the dry run', wrong)
    const ran = await timed(seconds, lab.fmcWith(PATIENCE, ...SITE))
    judgeDone(ran, 'the run', wrong)
    const there = (name: string): boolean => !silent.has(name.split(' ')[0] ?? '')
    const [said, done] = [dry.changed.filter(there), ran.changed.filter(there)]
    for (const one of said.filter(x => !done.includes(x))) wrong(`predicted and not done: ${one}`)
    for (const one of done.filter(x => !said.includes(x))) wrong(`done and not predicted: ${one}`)
  }
  const next = await timed(seconds, lab.fmcWith(PATIENCE, ...SITE))
  judgeDone(next, 'the next run', wrong)
  for (const one of next.changed) wrong(`the next run still changes ${one}`)
  const after = await looks(
    lab,
    made.filter(d => d.change.leftAlone !== true),
  )
  for (const [d, is] of after)
    if (is !== before.get(d))
      wrong(
        `not as it was: ${nameOf(d)}: ${JSON.stringify(before.get(d))} is now ${JSON.stringify(is)}`,
      )
  await undo(
    lab,
    made.filter(d => d.change.leftAlone),
  )
  return { made, violations, seconds }
}

function judgeDone(run: FmcRun, what: string, wrong: (text: string) => unknown): Set<string> {
  if (run.code !== 0)
    wrong(
      `${what}: exit code ${run.code}: ${run.failures.map(firstLine).join('; ')}${run.recap ? '' : run.stderr}`,
    )
  for (const count of ['unpredicted', 'unneeded'] as const)
    if (run.recap?.[count]) wrong(`${what}: ${run.recap[count]} ${count}`)
  return new Set()
}

/** Hosts are cut off by what is wrong on the hypervisor: the dry run names it for each, and takes one time limit for all. */
function judgeCut(dry: FmcRun, wrong: (text: string) => unknown): Set<string> {
  const lost = dry.events.flatMap(e => (e.type === 'host' && 'failure' in e ? [e] : []))
  const failed = dry.tasks.filter(e => e.failure && e.status === 'failed')
  for (const e of failed) wrong(`the dry run: ${e.host} ${e.task}: ${e.failure?.message}`)
  for (const e of lost)
    if (!/; hypervisor, .* has planned changes/.test(e.failure.message))
      wrong(`the dry run does not say what is in the way of ${e.host}: ${e.failure.message}`)
  if (lost.length === 0) wrong('no host was cut off')
  return new Set(lost.map(e => e.host))
}

/** Each refused change is refused with its reason, and nothing else fails. */
function judgeRefused(
  dry: FmcRun,
  refused: readonly Drift[],
  wrong: (text: string) => unknown,
): void {
  if (dry.code !== 2 && dry.code !== 4)
    wrong(`the dry run of what is refused: exit code ${dry.code}`)
  for (const d of refused)
    if (!dry.failures.some(f => f.startsWith(d.host) && d.change.refused!.test(f)))
      wrong(`not refused: ${nameOf(d)}`)
  for (const f of dry.failures)
    if (!refused.some(d => f.startsWith(d.host) && d.change.refused!.test(f)))
      wrong(`failed besides: ${firstLine(f)}`)
}
