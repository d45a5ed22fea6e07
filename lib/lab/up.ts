import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import type { Host, Inventory, Os } from '../inventory/types.ts'
import { alive, boot } from './machines/boot.ts'
import { coredns } from './doubles/coredns.ts'
import { clear } from './down.ts'
import { enterLab, sshCommand } from './enter.ts'
import { all } from './exec.ts'
import { images } from './images/images.ts'
import { k3sDouble, runsK3s } from './doubles/k3s.ts'
import { clientKey, hostKey, writeKnownHosts } from './machines/keys.ts'
import { raiseLimits } from './machines/limits.ts'
import { withLock } from './lock.ts'
import { leaderOf } from './machines/nspawn.ts'
import { makeSwitches } from './network/cables.ts'
import { labDir, labKey, netnsPath } from './paths.ts'
import { prerequisites } from './prerequisites.ts'
import { rootFileSystems, type Rootfs } from './images/rootfs.ts'
import { fromImages, standIns } from './doubles/stand-ins.ts'
import { readState, writeState } from './state.ts'
import type { LabHost, LabState } from './state.ts'
import { topology } from './network/topology.ts'
import { virtualMachines } from './doubles/hypervisor-vms.ts'
import { waitForBoot, waitForSsh } from './machines/wait.ts'
import { inVpn, WIREGUARD, wireguardGo } from './doubles/wireguard-go.ts'

/** How a lab is brought up. */
export interface UpOptions {
  /** Labs with different names live side by side; default `default`. */
  readonly name?: string | undefined
  /** Hosts to boot as QEMU machines; undefined leaves running machines as they are. */
  readonly vm?: readonly string[] | undefined
  /** Hosts to boot besides those that the lab has; default all. */
  readonly hosts?: readonly string[] | undefined
  /** For a run: boot neither hosts that the lab was brought up without nor hosts that `kill` has switched off. */
  readonly asItIs?: boolean | undefined
  /** Install missing prerequisites without asking. */
  readonly yes?: boolean | undefined
  /** Takes messages for people. */
  readonly log: (text: string) => void
}

/**
 * Brings up the twin of the inventory and returns its state. Running hosts are left alone, missing and dead ones are
 * booted; a lab of another inventory is taken down first. With `hosts` the lab has only these and those it had before,
 * without it all hosts: a run against the lab finds the others missing until a role makes them. Throws an FmcError that
 * says what is missing or which machine did not boot.
 */
export const up = async (inventory: Inventory, options: UpOptions): Promise<LabState> => {
  const name = options.name ?? 'default'
  const before = readState(name)
  const chosen = chosenHosts(inventory, options, before)
  const wanted = [...inventory.hosts.values()].filter(
    h => chosen === 'all' || chosen.includes(h.name),
  )
  if (isOf(inventory, before) && isComplete(before, wanted, options)) return before
  await prerequisites({
    vm: (options.vm?.length ?? 0) > 0,
    yes: options.yes ?? false,
    log: options.log,
  })
  return withLock(name, async () => {
    const state = readState(name)
    // First, so that an error in lab.images does not cost the lab that is up.
    const roots = await rootFileSystems(inventory, wanted, options.log)
    if (state !== undefined && !isOf(inventory, state))
      options.log(`lab ${name} was built from another inventory: rebuilding it`)
    const kept = isOf(inventory, state) && existsSync(netnsPath(state.controllerNetns))
    if (!kept) await clear(name)
    const plan = { ...options, name, chosen, roots, state: kept ? state : undefined }
    return build(inventory, wanted, plan)
  })
}

const isComplete = (
  state: LabState,
  wanted: readonly Host[],
  { vm, asItIs = false }: UpOptions,
): boolean =>
  state.hosts.some(alive) &&
  wanted.every(host => {
    const found = state.hosts.find(h => h.name === host.name)
    return (
      found?.ready === true &&
      (asItIs || alive(found)) &&
      (vm === undefined || found.vm === vm.includes(host.name))
    )
  })

/** The hosts that the lab will have. */
const chosenHosts = (
  inventory: Inventory,
  { hosts, vm, asItIs }: UpOptions,
  before: LabState | undefined,
): LabState['chosen'] => {
  for (const name of [...(hosts ?? []), ...(vm ?? [])])
    if (!inventory.hosts.has(name)) throw new UsageError(`the inventory has no host ${name}`)
  const had = asItIs || isOf(inventory, before) ? before?.chosen : undefined
  if (had === 'all' || (hosts === undefined && (had === undefined || !asItIs))) return 'all'
  const names = new Set([...(had ?? []), ...(hosts ?? []), ...(vm ?? [])])
  return [...inventory.hosts.keys()].filter(name => names.has(name))
}

/** Whether the lab's machines were built from this inventory. */
const isOf = (inventory: Inventory, state: LabState | undefined): state is LabState =>
  state !== undefined && inventoryHash(inventory, state.chosen) === state.inventoryHash

/** Hash of all that these machines are built from: SSH ports are not, and of the variables only the one that names a NIC. */
const inventoryHash = (inventory: Inventory, chosen: LabState['chosen']): string => {
  const hosts = [...inventory.hosts.values()]
    .filter(h => chosen === 'all' || chosen.includes(h.name))
    .map(h => [
      ...[h.name, h.os, h.nics, h.disks, h.address, h.vars['hypervisor_uplink']],
      inventory.lab.images[h.os.name],
    ])
  const what = JSON.stringify([hosts, [...inventory.networks.values()]])
  return createHash('sha256').update(what).digest('hex')
}

interface Plan extends UpOptions {
  readonly name: string
  readonly chosen: LabState['chosen']
  /** The root file systems of lab.images for these hosts, by OS. */
  readonly roots: ReadonlyMap<Os['name'], Rootfs>
  /** The state of the lab if it is up. */
  readonly state: LabState | undefined
}

const build = async (
  inventory: Inventory,
  wanted: readonly Host[],
  plan: Plan,
): Promise<LabState> => {
  const [dir, key, started] = [labDir(plan.name), labKey(plan.name), Date.now()]
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const { yes = false, log } = plan
  const machines = wanted.map(h => h.name)
  const [files, made, vms] = await all([
    images(log),
    programs(inventory, wanted, plan),
    virtualMachines(inventory, machines, { yes, log }),
  ])
  const wireguard = made.artifacts[WIREGUARD]?.path
  raiseLimits()
  const identityFile = await clientKey(dir)
  await Promise.all([...inventory.hosts.keys()].map(host => hostKey(dir, host)))
  const wiring = topology(inventory, key)
  const knownHostsFile = writeKnownHosts(dir, wanted)
  let state: LabState = {
    version: 1,
    name: plan.name,
    key,
    dir,
    inventoryHash: inventoryHash(inventory, plan.chosen),
    chosen: plan.chosen,
    absent: [...inventory.hosts.keys()].filter(h => !wanted.some(w => w.name === h)),
    hosts: plan.state?.hosts.filter(host => keeps(host, plan.vm)) ?? [],
    controllerNetns: wiring.controllerNetns,
    ssh: { user: 'root', identityFile, knownHostsFile },
    standIns: [],
    fromImages: [],
    skippedRoles: made.skippedRoles,
    vars: {
      // Not at the place of the real cloud's kubeconfig.
      kubeconfig_path: join(dir, 'kubeconfig'),
      k3s_stable_seconds: 2,
      ...vms.vars,
    },
    artifacts: { ...made.artifacts, ...vms.artifacts },
    made: vms.made,
    planned: vms.planned,
  }
  // An interruption before this line leaves no state file: the next `up` removes everything and starts over.
  if (plan.state === undefined) await makeSwitches(wiring)
  writeState(state)
  const missing = wanted.filter(host => !state.hosts.some(h => h.name === host.name))
  const booted = await Promise.all(
    missing.map(host => {
      const place = wiring.hosts.find(h => h.name === host.name)
      if (place === undefined) throw new Error(`no place for ${host.name}`)
      const before = plan.state?.hosts.find(h => h.name === host.name)
      const vm = plan.vm?.includes(host.name) ?? before?.vm ?? false
      const rootfs = plan.roots.get(host.os.name)
      const common = { dir, key, images: files, wireguard, log: plan.log }
      return boot(host, place, { ...common, rootfs, vm, before })
    }),
  )
  state = { ...state, hosts: inOrder(inventory, [...state.hosts, ...booted]) }
  state = {
    ...state,
    standIns: [...standIns(inventory, state.hosts, WIREGUARD in state.artifacts), ...vms.standIns],
    fromImages: fromImages(inventory, state.hosts),
  }
  writeState(state)
  await waitUntilReady(state)
  state = { ...state, hosts: state.hosts.map(host => ({ ...host, ready: true })) }
  writeState(state)
  plan.log(
    `lab ${plan.name}: ${booted.length} hosts booted in ${((Date.now() - started) / 1000).toFixed(1)} s`,
  )
  return state
}

/** The programs that the lab builds itself, as far as these hosts, running hosts and VMs that a role may make need them. */
const programs = async (
  inventory: Inventory,
  wanted: readonly Host[],
  { state, yes = false, log }: Plan,
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const lacks = (name: string): boolean => state === undefined || !(name in state.artifacts)
  const coming = [...inventory.hosts.values()].filter(h => wanted.some(w => w.name === h.vmOn))
  const cluster = [...wanted, ...coming].some(runsK3s) && lacks('k3s')
  const tunnels = wanted.some(host => inVpn(inventory, host)) && lacks(WIREGUARD)
  const made = await all([
    state ?? coredns(inventory, { yes, log }),
    ...(cluster ? [k3sDouble({ yes, log })] : []),
    ...(tunnels ? [wireguardGo({ yes, log })] : []),
  ])
  const skipped = new Map(made.flatMap(m => m.skippedRoles).map(s => [s.role, s]))
  return {
    artifacts: Object.assign({}, ...made.map(m => m.artifacts)) as LabState['artifacts'],
    skippedRoles: [...skipped.values()],
  }
}

const waitUntilReady = async (state: LabState): Promise<void> => {
  const booting = state.hosts.filter(host => !host.ready)
  const limit = booting.some(host => host.vm) ? 600 : 120
  await waitForSsh(state.controllerNetns, booting, limit)
  const onHost = (host: LabHost) => enterLab(state, sshCommand(state, host.name, []))
  await Promise.all(
    booting.map(host => waitForBoot(host.name, leaderOf(host.pid) ?? onHost(host), limit)),
  )
}

const keeps = (host: LabHost, vm: readonly string[] | undefined): boolean =>
  alive(host) && (vm === undefined || host.vm === vm.includes(host.name))

const inOrder = (inventory: Inventory, hosts: readonly LabHost[]): LabHost[] =>
  [...inventory.hosts.keys()].flatMap(name => hosts.filter(host => host.name === name))
