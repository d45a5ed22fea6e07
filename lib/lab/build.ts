import { existsSync, mkdirSync, utimesSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Os } from '../inventory/types.ts'
import { changesOf, inWords, type Changes, type Recipe } from './changes.ts'
import { notForContainers, soil } from './dirt.ts'
import { corednsStandIn } from './doubles/coredns.ts'
import { virtualMachines } from './doubles/hypervisor-vms.ts'
import { fromImages, onRealK3s, standIns } from './doubles/stand-ins.ts'
import { WIREGUARD } from './doubles/wireguard-go.ts'
import { enterLab, sshCommand } from './enter.ts'
import type { Images } from './images/images.ts'
import { ownPackages } from './images/own-packages.ts'
import { personalityOf, type Rootfs } from './images/rootfs.ts'
import { adjust } from './machines/adjust.ts'
import { alive, boot, remove } from './machines/boot.ts'
import { publishPackages, refreshPackages, takesPackages } from './machines/packages.ts'
import { clientKey, hostKey, writeKnownHosts } from './machines/keys.ts'
import { raiseLimits } from './machines/limits.ts'
import { leaderOf } from './machines/nspawn.ts'
import { waitForBoot, waitForSsh } from './machines/wait.ts'
import { changeSwitches } from './network/cables.ts'
import { make } from './make.ts'
import { labDir, labKey, netnsPath } from './paths.ts'
import { same } from './same.ts'
import { VERSION, writeState, type LabHost, type LabState } from './state.ts'
import type { Target } from './target.ts'
import type { UpOptions } from './up.ts'

interface BuildOptions extends Pick<
  UpOptions,
  'asItIs' | 'yes' | 'artifactsDir' | 'log' | 'terminal'
> {
  /** The root file systems of lab.images for these hosts, by OS. */
  readonly roots: ReadonlyMap<Os['name'], Rootfs>
}

/**
 * Makes the lab `target` of the lab `before`. Interrupted at any point, the next call goes on: the state file names a host
 * only while its machine is there, and whatever is made first removes what an interrupted call has left of it.
 */
export const build = async (
  target: Target,
  before: LabState | undefined,
  options: BuildOptions,
): Promise<LabState> => {
  const { name, inventory, wanted, recipes } = target
  const [started, { yes = false, artifactsDir, log, terminal }] = [Date.now(), options]
  const lab = { dir: labDir(name), key: labKey(name) }
  mkdirSync(lab.dir, { recursive: true, mode: 0o700 })
  const machines = wanted.map((host, i) => {
    const { vm = false, image } = recipes[i] ?? {}
    return { host, vm, image: image !== undefined }
  })
  const made = await make(inventory, machines, target.programs, {
    yes,
    artifactsDir,
    log,
    terminal,
  })
  const files = made.images
  const names = wanted.map(h => h.name)
  const vms = virtualMachines(inventory, names, target.made, made.vmImage)
  const soiled = wanted.map((host, i) => {
    const vm = recipes[i]?.vm ?? false
    return { name: host.name, vm, personality: personalityOf(host, vm) }
  })
  notForContainers(inventory, soiled).forEach(log)
  const packages = await ownPackages(inventory, files, log)
  if (before === undefined || before.packages !== packages) await publishPackages(lab.dir, packages)
  raiseLimits()
  const identityFile = await clientKey(lab.dir)
  await Promise.all([...inventory.hosts.keys()].map(host => hostKey(lab.dir, host)))
  const isLost =
    before === undefined ||
    before.wiring.switches.length === 0 ||
    !existsSync(netnsPath(before.controllerNetns))
  if (isLost && before !== undefined)
    log(`lab ${name}: its networks are gone, as after a restart of this machine: making them again`)
  const changes = withMissingRoots(
    changesOf(before?.hosts.map(h => h.recipe) ?? [], recipes),
    before,
  )
  await removeHosts(lab, changes, before, recipes)
  // Without switches in its state, a lab whose namespaces are gone gets all of them again, also after an interruption.
  if (isLost && before !== undefined)
    writeState({ ...before, wiring: { ...before.wiring, switches: [], controllerRoutes: [] } })
  await changeSwitches(isLost ? undefined : before.wiring, target.wiring)
  const stays = (host: LabHost): boolean =>
    wanted.some(h => h.name === host.name) && !changes.rebuilt.some(r => r.name === host.name)
  let state: LabState = {
    version: VERSION,
    name,
    ...lab,
    inventory: resolve(inventory.file),
    wiring: target.wiring,
    programs: target.programs,
    packages,
    dirt: target.dirt,
    chosen: target.chosen,
    ...(target.grows ? { grows: true } : {}),
    absent: [...inventory.hosts.keys()].filter(h => !wanted.some(w => w.name === h)),
    hosts: before?.hosts.filter(stays) ?? [],
    controllerNetns: target.wiring.controllerNetns,
    ssh: { user: 'root', identityFile, knownHostsFile: writeKnownHosts(lab.dir, wanted) },
    standIns: [],
    fromImages: [],
    skippedRoles: made.skippedRoles,
    vars: {
      // Not at the place of the real cloud's kubeconfig.
      kubeconfig_path: join(lab.dir, 'kubeconfig'),
      ...(target.programs.realK3s ? {} : { k3s_stable_seconds: 2 }),
      // Rancher's repository is out of reach: the lab's has a package of that name.
      k3s_rpm_repository: 'none',
      ...vms.vars,
    },
    artifacts: { ...made.artifacts, ...vms.artifacts },
    made: vms.made,
    planned: vms.planned,
  }
  state = { ...state, hosts: await adjusted(state, recipes) }
  writeState(state)
  const missing = wanted.filter(({ name }) => {
    const host = state.hosts.find(h => h.name === name)
    if (host === undefined) return true
    if (alive(host)) return needsWireguard(state, host)
    return isLost || !host.ready || options.asItIs !== true
  })
  const booted = await Promise.all(
    missing.map(async host => {
      const recipe = recipes.find(r => r.name === host.name) as Recipe
      const rootfs = options.roots.get(host.os.name)
      const was = state.hosts.find(h => h.name === host.name)
      const disks = recipe.disks.map(d => d.name)
      // What an interrupted call has left of it.
      if (was === undefined) await remove(lab, host.name, recipe.place, disks)
      const wireguard = state.artifacts[WIREGUARD]?.path
      const common = { ...lab, images: files, wireguard, log, rootfs, before: was }
      const now = await boot(host, recipe, common)
      // What changed around it while it was off is written into it once it runs.
      return was === undefined
        ? now
        : {
            ...now,
            packages: was.packages,
            dirt: was.dirt,
            recipe: { ...recipe, place: was.recipe.place },
          }
    }),
  )
  const others = state.hosts.filter(host => !booted.some(b => b.name === host.name))
  const hosts = [...inventory.hosts.keys()].flatMap(n =>
    [...others, ...booted].filter(host => host.name === n),
  )
  state = {
    ...state,
    hosts,
    standIns: [
      ...standIns(inventory, hosts, WIREGUARD in state.artifacts),
      ...corednsStandIn(state.artifacts),
      ...vms.standIns,
    ],
    fromImages: fromImages(inventory, hosts),
    realK3s: onRealK3s(state, hosts),
  }
  writeState(state)
  await waitUntilReady(state)
  state = { ...state, hosts: state.hosts.map(host => ({ ...host, ready: true })) }
  state = { ...state, hosts: await adjusted(state, recipes) }
  writeState(state)
  touch(files, state)
  const said = before === undefined ? '' : inWords(changes)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  if (said !== '') log(`lab ${name}: ${said} (${seconds} s)`)
  else if (booted.length > 0) log(`lab ${name}: ${hostCount(booted.length)} booted in ${seconds} s`)
  return state
}

const hostCount = (count: number): string => (count === 1 ? '1 host' : `${count} hosts`)

/** A host that is off cannot boot again when the cache has lost the image below its root. */
const withMissingRoots = (changes: Changes, before: LabState | undefined): Changes => {
  const isGone = ({ name, root }: LabHost): boolean =>
    root !== undefined &&
    !existsSync(root) &&
    ![...changes.removed, ...changes.rebuilt.map(r => r.name)].includes(name)
  const gone = before?.hosts.filter(isGone) ?? []
  const why = 'its image is no longer in the cache'
  return {
    ...changes,
    rebuilt: [...changes.rebuilt, ...gone.map(({ name }) => ({ name, why }))],
    adjusted: changes.adjusted.filter(name => !gone.some(g => g.name === name)),
  }
}

interface Place {
  readonly dir: string
  readonly key: string
}

const removeHosts = async (
  lab: Place,
  changes: Changes,
  before: LabState | undefined,
  recipes: readonly Recipe[],
): Promise<void> => {
  const gone = [...changes.removed, ...changes.rebuilt.map(r => r.name)]
  await Promise.all(
    gone.map(name => {
      const old = before?.hosts.find(h => h.name === name)?.recipe
      const now = recipes.find(r => r.name === name)
      return remove(lab, name, old?.place, keptDisks(old, now))
    }),
  )
}

/** The disks that a rebuilt host keeps: those that are as they were. */
const keptDisks = (old: Recipe | undefined, now: Recipe | undefined): string[] =>
  (now?.disks ?? []).filter(disk => old?.disks.some(o => same(o, disk))).map(disk => disk.name)

/** The hosts with what has changed around them. A host that is off gets it when it is on again. */
const adjusted = (state: LabState, recipes: readonly Recipe[]): Promise<LabHost[]> =>
  Promise.all(
    state.hosts.map(async host => {
      const recipe = recipes.find(r => r.name === host.name)
      if (recipe === undefined || !alive(host) || !host.ready) return host
      if (!same(recipe, host.recipe)) await adjust(state, host, recipe.place)
      const { packages } = state
      const dirt = recipe.dirt ?? []
      await soil(
        state,
        host,
        dirt.filter(name => !host.dirt?.includes(name)),
      )
      const takes = takesPackages(host)
      if (takes && host.packages !== packages) await refreshPackages(host, leaderOf(host.pid))
      return { ...host, address: recipe.address, recipe, dirt, ...(takes ? { packages } : {}) }
    }),
  )

/** A running machine without wireguard-go has to boot again to get it, with the same root and disks. */
const needsWireguard = ({ programs, artifacts }: LabState, host: LabHost): boolean =>
  programs.wireguard && WIREGUARD in artifacts && !host.vm && !host.wireguard

const waitUntilReady = async (state: LabState): Promise<void> => {
  const booting = state.hosts.filter(host => !host.ready)
  const limit = booting.some(host => host.vm) ? 600 : 120
  await waitForSsh(state.controllerNetns, booting, limit)
  const onHost = (host: LabHost) => enterLab(state, sshCommand(state, host.name, []))
  await Promise.all(
    booting.map(host => waitForBoot(host.name, leaderOf(host.pid) ?? onHost(host), limit)),
  )
}

/** The cache keeps the images that machines run from, also those of an older fmc. */
const touch = (files: Images, state: LabState): void => {
  const now = new Date()
  const roots = new Set(state.hosts.flatMap(({ root }) => root ?? []))
  for (const root of roots) utimesSync(join(root, '..'), now, now)
  for (const place of [files.repo, files.mirror])
    if (existsSync(place)) utimesSync(join(place, '..'), now, now)
}
