import type { Host } from '../inventory/types.ts'
import { planCutOff } from './cut-off.ts'
import { apart } from './define/apart.ts'
import type { Role } from './define/role.ts'
import type { SelectedPlay } from './define/select.ts'
import { Done } from './done.ts'
import { invariantHolds } from './invariant.ts'
import { failureEvents, failureEventsOf, hostEvents, plannedEvent } from './plan-events.ts'
import { hasWorkOn, planAgain, planOf, type Plan } from './plan.ts'
import { EnginePass } from './role/pass.ts'
import { perform } from './role/perform.ts'
import { hasWork, recordKey, type TaskRecord } from './role/record.ts'
import { RoleRun } from './role/role-run.ts'
import { batchesOf } from './rolling.ts'
import type { Run } from './settings.ts'
import { unneededEvent } from './task-events.ts'

/** The apply pass: what its functions share. */
interface Apply {
  readonly run: Run
  readonly plan: Plan
  readonly pass: EnginePass
  readonly done: Done
  /** All hosts that were cut off are connected to and planned, once, whichever play needs one first. */
  regained?: Promise<void>
}

/** Makes what was planned: stage by stage, in batches, with the plays' invariants. Before each play, plans its idle hosts again: what this run has changed elsewhere may give them work. */
export async function applyAll(run: Run, plan: Plan): Promise<Done> {
  const apply: Apply = {
    run,
    plan,
    pass: new EnginePass('apply'),
    done: new Done(),
  }
  for (const event of failureEvents(plan)) run.emit(event)
  for (const selected of run.settings.stages.flat()) run.emit(plannedEvent(run, plan, selected))
  for (const stage of run.settings.stages) {
    if (isOver(apply)) break
    await Promise.all(
      apart(stage).map(async plays => {
        for (const selected of plays) if (!isOver(apply)) await applyPlay(apply, selected)
      }),
    )
  }
  return apply.done
}

const isOver = ({ run, done }: Apply): boolean =>
  done.stoppedBy !== undefined || run.settings.stop.aborted

/** A rolling play stops the run. */
function stop({ run, done }: Apply, { play }: SelectedPlay, how: string): void {
  if (!run.settings.stop.aborted) done.stoppedBy ??= play.name
  run.emit({ type: 'note', level: 'warning', text: `${play.name}: ${how}` })
}

async function applyPlay(apply: Apply, selected: SelectedPlay): Promise<void> {
  const { run, plan, done } = apply
  const { fleet, emit } = run
  const { play } = selected
  const hosts = selected.hosts.filter(h => !fleet.isLeftOut(h))
  const names = selected.hosts.map(h => h.name)
  emit({ type: 'play', play: play.name, state: 'start', hosts: names })
  if (selected.hosts.some(h => fleet.isCutOff(h))) await (apply.regained ??= planCutOff(run, plan))
  const lostBefore = hosts.filter(h => fleet.isDropped(h))
  await connectNew(run, hosts)
  if (await planAgain(run, plan, selected)) emit(plannedEvent(run, plan, selected))
  const busy = hosts.filter(
    h => !fleet.isDropped(h) && (fleet.get(h).touched || hasWorkOn(plan, selected, h)),
  )
  for (const host of hosts)
    if (!busy.includes(host) && !lostBefore.includes(host)) {
      const one = planOf(plan, selected, host)
      const isLost = fleet.isDropped(host)
      for (const event of isLost ? failureEventsOf(plan, one) : hostEvents(plan, one)) emit(event)
      if (!isLost) done.add(selected, host)
    }
  const inBatches = await batchesOf(run, selected, busy)
  if (play.servesNothing) emit(plannedEvent(run, plan, selected, inBatches))
  const lost = tooManyDropped(run, selected)
  if (lost && (busy.length > 0 || hosts.every(h => fleet.isDropped(h))))
    stop(apply, selected, `not started, because ${lost} failed or could not be reached`)
  else await applyBatches(apply, selected, inBatches)
  emit({ type: 'play', play: play.name, state: 'end', hosts: names })
}

/** Connects to those of a play's hosts that did not exist when they were planned. */
async function connectNew({ fleet, emit }: Run, hosts: readonly Host[]): Promise<void> {
  await fleet.forks.each(
    hosts.filter(h => fleet.isNew(h)),
    async host => {
      emit({ type: 'host', host: host.name, state: 'connecting' })
      await fleet.connectNew(host)
      emit({ type: 'host', host: host.name, state: 'connected' })
    },
  )
}

/** The names of a rolling play's dropped hosts, if there are more than it tolerates. */
function tooManyDropped({ fleet }: Run, { play, hosts }: SelectedPlay): string | undefined {
  const dropped = hosts.filter(h => fleet.isDropped(h))
  const rolling = play.serial !== undefined || play.invariant !== undefined
  return rolling && dropped.length > (play.maxFail ?? 0)
    ? dropped.map(h => h.name).join(', ')
    : undefined
}

async function applyBatches(
  apply: Apply,
  selected: SelectedPlay,
  inBatches: readonly (readonly Host[])[],
): Promise<void> {
  const { run } = apply
  const holds = async (when: 'before' | 'after', batch: readonly Host[]): Promise<boolean> => {
    const yes = await invariantHolds(run, selected, when, batch)
    if (!yes)
      stop(apply, selected, `stopped ${when} ${namesOf(batch)}; the other hosts were not touched`)
    return yes
  }
  for (const all of inBatches) {
    if (isOver(apply)) return
    const batch = await confirmed(run, selected, all)
    if (batch.length === 0) continue
    if (isOver(apply) || !(await holds('before', batch))) return
    if (run.fleet.touched.length > 0) run.fleet.forget()
    await run.fleet.forks.each(batch, host => applyHost(apply, selected, host))
    if (run.settings.stop.aborted) return
    if (tooManyDropped(run, selected))
      return stop(
        apply,
        selected,
        `stopped after ${namesOf(batch)}; the hosts after it were not touched`,
      )
    if (!(await holds('after', batch))) return
  }
}

/** With --step: the hosts of a batch for which the user agrees. The others are left out of the rest of the run. */
async function confirmed(
  { settings: { confirm, stop }, fleet, emit }: Run,
  { play }: SelectedPlay,
  batch: readonly Host[],
): Promise<readonly Host[]> {
  if (!confirm) return batch
  const agreed: Host[] = []
  for (const host of batch.filter(h => !fleet.isDropped(h))) {
    if (await confirm(play.name, host.name)) agreed.push(host)
    else if (!stop.aborted) {
      fleet.leaveOut(host)
      const text = `${host.name} is left out from play ${play.name} on: its changes were not confirmed`
      emit({ type: 'note', level: 'info', text, host: host.name })
    }
    if (stop.aborted) return []
  }
  return agreed
}

const namesOf = (hosts: readonly Host[]): string => hosts.map(h => h.name).join(', ')

async function applyHost(apply: Apply, selected: SelectedPlay, host: Host): Promise<void> {
  const { run, plan, done } = apply
  const { fleet, emit } = run
  await fleet.get(host).revive()
  for (const role of selected.roles) {
    const one = planOf(plan, selected, host)
    const planned = one.roles.get(role.name) ?? []
    // The plan of a host that was touched, or did not exist, may be outdated even if it is empty.
    const upToDate = !fleet.get(host).touched && !fleet.wasNew(host)
    if (upToDate && !hasWork(planned))
      for (const event of hostEvents(plan, one, planned)) emit(event)
    else if (!(await applyRole(apply, selected, role, host, planned))) return
  }
  done.add(selected, host)
  emit({ type: 'host', host: host.name, state: 'done' })
}

/** false: the run does nothing more on this host. */
async function applyRole(
  { run, pass, done }: Apply,
  selected: SelectedPlay,
  role: Role,
  host: Host,
  planned: readonly TaskRecord[],
): Promise<boolean> {
  const expected = planned.filter(r => r.changes.length > 0)
  const predicted = new Set(expected.map(recordKey))
  const { play } = selected
  const roleRun = new RoleRun({ run, play, role, pass, host: run.fleet.get(host), predicted })
  done.attempt(selected, host, roleRun)
  if (!(await perform(run, roleRun))) return false
  const seen = new Set(roleRun.records.map(recordKey))
  for (const record of expected)
    if (!seen.has(recordKey(record))) run.emit(unneededEvent(play.name, record))
  return true
}
