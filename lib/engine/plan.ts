import { UnreachableError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { loadZx } from '../shell/zx.ts'
import { AskAhead } from './ask-ahead.ts'
import type { SelectedPlay } from './define/select.ts'
import type { HostRun } from './host/host-run.ts'
import { EnginePass } from './role/pass.ts'
import { sweep } from './role/perform.ts'
import { hasWork, type RoleRecords } from './role/record.ts'
import type { Run } from './settings.ts'

/** What the tasks of one play would do on one host. */
export interface HostPlan {
  readonly play: string
  readonly host: string
  readonly roles: RoleRecords
  /** All roles were planned. */
  complete: boolean
}

/** What the tasks of every play would do on every host, in the order of the playbook. */
export type Plan = ReadonlyMap<string, HostPlan>

const keyOf = (play: string, host: string): string => `${play}\0${host}`

/** The plan of one play on one host. */
export function planOf(plan: Plan, { play }: SelectedPlay, host: Host): HostPlan {
  const found = plan.get(keyOf(play.name, host.name))
  if (!found) throw new Error(`the plan has no host ${host.name} in play ${play.name}`)
  return found
}

/** Would the play have something to do on the host? */
export const hasWorkOn = (plan: Plan, selected: SelectedPlay, host: Host): boolean =>
  [...planOf(plan, selected, host).roles.values()].some(hasWork)

/** Connects to all hosts and plans all their plays, at once. Hosts that a hypervisor of this run will create are planned after it. */
export async function planAll(run: Run): Promise<Plan> {
  const { fleet, settings } = run
  const { arrivals, hosts } = fleet
  const plan: Plan = new Map(
    settings.stages.flat().flatMap(({ play, hosts: some }) =>
      some.map(({ name: host }) => {
        const roles: RoleRecords = new Map()
        return [keyOf(play.name, host), { play: play.name, host, roles, complete: false }] as const
      }),
    ),
  )
  const pass = new EnginePass('plan', { first: true })
  const ahead = new AskAhead(settings.secrets)
  const zx = loadZx()
  const planHosts = (some: readonly Host[]): Promise<void> =>
    fleet.forks.eachConnected(
      some,
      host => connect(run, host),
      async (host, connected) => {
        if (!connected) return
        await zx
        if (!fleet.isNew(host)) run.emit({ type: 'host', host: host.name, state: 'connected' })
        await planHost(run, plan, pass, connected, ahead)
      },
    )
  const creators = hosts.filter(h => arrivals.isCreator(h))
  // The creators come first in the queue, because other hosts may wait for their plans.
  const planned = planHosts(creators).then(() => arrivals.close())
  await Promise.all([planned, planHosts(hosts.filter(h => !creators.includes(h)))])
  await planRecreated(
    run,
    plan,
    hosts.filter(h => arrivals.isAnnounced(h.name) && !fleet.isNew(h)),
  )
  return plan
}

/** Connects to a host; undefined: it does not answer (cut-off.ts decides what that means). */
async function connect({ fleet, settings, emit }: Run, host: Host): Promise<HostRun | undefined> {
  emit({ type: 'host', host: host.name, state: 'connecting' })
  return fleet.forPlan(host).catch((error: unknown) => {
    if (!(error instanceof UnreachableError) || !error.silent) throw error
    const plays = settings.stages.flat().filter(p => p.hosts.includes(host))
    if (plays.every(p => p.play.allowUnreachable)) return fleet.addSilent(host)
    fleet.silent.set(host, error)
    return undefined
  })
}

/** Plans the plays of one host in order, until a task fails. */
export async function planHost(
  run: Run,
  plan: Plan,
  pass: EnginePass,
  host: HostRun,
  ahead = new AskAhead(run.settings.secrets),
): Promise<void> {
  for (const selected of run.settings.stages.flat().filter(p => p.hosts.includes(host.host))) {
    const one = planOf(plan, selected, host.host)
    one.complete = await ahead.plan(selected, host, () =>
      sweep(run, pass, selected, host, one.roles),
    )
    if (!one.complete) return
  }
}

/** Plans hosts that exist now and that their hypervisor will create again: their present state does not matter. */
async function planRecreated(run: Run, plan: Plan, hosts: readonly Host[]): Promise<void> {
  const { fleet } = run
  const pass = new EnginePass('plan', { first: true })
  const due = hosts.flatMap(host => {
    const creator = fleet.arrivals.creatorOf(host)
    return creator && !fleet.isDropped(creator) ? [fleet.planAsNew(host, creator).host] : []
  })
  await fleet.forks.each(due, async host => planHost(run, plan, pass, await fleet.forPlan(host)))
}

/**
 * Plans again, before a play starts, the hosts that would have nothing to do: what this run changed elsewhere may give them
 * work. Resolves with whether it has.
 */
export async function planAgain(run: Run, plan: Plan, selected: SelectedPlay): Promise<boolean> {
  const { fleet } = run
  if (fleet.touched.length === 0) return false
  fleet.forget()
  const idle = selected.hosts.filter(
    h => !fleet.isDropped(h) && !fleet.get(h).touched && !hasWorkOn(plan, selected, h),
  )
  const pass = new EnginePass('plan')
  await fleet.forks.each(idle, async host => {
    const connected = fleet.get(host)
    await connected.answers.refresh()
    await sweep(run, pass, selected, connected, planOf(plan, selected, host).roles)
  })
  return idle.some(host => hasWorkOn(plan, selected, host))
}
