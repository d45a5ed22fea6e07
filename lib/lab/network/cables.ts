import { existsSync, readdirSync } from 'node:fs'
import { exec } from '../exec.ts'
import { netnsPath } from '../paths.ts'
import { same } from '../same.ts'
import type { HostPlan, Link, Route, SwitchPlan, Wiring } from './topology.ts'

/** Runs many `ip` commands in one process; with a namespace, inside it. */
const ip = async (lines: readonly string[], netns?: string): Promise<void> => {
  if (lines.length === 0) return
  const where = netns === undefined ? [] : ['-n', netns]
  await exec(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

const setForwarding = async (netns: string): Promise<void> => {
  const set = 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  await exec(['nsenter', `--net=${netnsPath(netns)}`, 'sh', '-c', set])
}

/** Namespaces that exist now and belong to the lab. */
export const labNamespaces = (key: string): string[] => {
  try {
    return readdirSync('/run/netns').filter(name => name.startsWith(`fmc-${key}-`))
  } catch {
    return []
  }
}

/** Removes namespaces with everything in them. */
export const removeNamespaces = (names: readonly string[]): Promise<void> =>
  ip(names.map(name => `netns del ${name}`))

const makeBridge = ({ bridge, address }: SwitchPlan): string[] => [
  `link add ${bridge} type bridge forward_delay 0`,
  `link set ${bridge} up`,
  ...(address === undefined ? [] : [`addr add ${address} dev ${bridge}`]),
]

/** A command of ip(8) that may find its work done, by an interrupted run. */
const ipTry = async (netns: string, ...words: readonly string[]): Promise<void> => {
  await exec(['ip', '-n', netns, ...words], { allowFailure: true })
}

/**
 * Makes the networks' bridges and the namespace that fmc runs in, out of those of `before` if there are any, while hosts are
 * plugged in. Nothing is made in the root namespace. It may be repeated after an interruption. The hosts of a network that
 * is gone must have been unplugged.
 */
export const changeSwitches = async (before: Wiring | undefined, now: Wiring): Promise<void> => {
  const here = now.controllerNetns
  if (!existsSync(netnsPath(here))) await ip([`netns add ${here}`])
  await ip(['link set lo up'], here)
  await setForwarding(here)
  const isIn = (switches: readonly SwitchPlan[], s: SwitchPlan): SwitchPlan | undefined =>
    switches.find(o => o.netns === s.netns && o.bridge === s.bridge)
  const was = before?.switches ?? []
  for (const old of was.filter(s => isIn(now.switches, s) === undefined))
    if (old.netns === here) await ipTry(here, 'link', 'del', old.bridge)
    else await exec(['ip', 'netns', 'del', old.netns], { allowFailure: true })
  for (const fresh of now.switches) {
    const old = isIn(was, fresh)
    if (old === undefined) await newSwitch(fresh, here)
    else if (old.address !== fresh.address) {
      if (old.address !== undefined)
        await ipTry(here, 'addr', 'del', old.address, 'dev', old.bridge)
      if (fresh.address !== undefined)
        await ip([`addr replace ${fresh.address} dev ${fresh.bridge}`], here)
    }
  }
  await changeRoutes(here, before?.controllerRoutes ?? [], now.controllerRoutes)
}

const newSwitch = async (fresh: SwitchPlan, controllerNetns: string): Promise<void> => {
  if (fresh.netns === controllerNetns) await ipTry(controllerNetns, 'link', 'del', fresh.bridge)
  else {
    await exec(['ip', 'netns', 'del', fresh.netns], { allowFailure: true })
    await ip([`netns add ${fresh.netns}`])
  }
  await ip(['link set lo up', ...makeBridge(fresh)], fresh.netns)
}

/** Gives a namespace the routes of `now` instead of those of `before`. */
const changeRoutes = async (
  netns: string,
  before: readonly Route[],
  now: readonly Route[],
): Promise<void> => {
  const isIn = (routes: readonly Route[], { to, via }: Route): boolean =>
    routes.some(r => r.to === to && r.via === via)
  for (const { to, via } of before.filter(r => !isIn(now, r)))
    await ipTry(netns, 'route', 'del', to, 'via', via)
  await ip(
    now.filter(r => !isIn(before, r)).map(r => `route replace ${r.to} via ${r.via}`),
    netns,
  )
}

/** Makes a new namespace for one host, with its cables, addresses and routes. */
export const plugIn = async (host: HostPlan): Promise<void> => {
  await unplug(host)
  await ip([`netns add ${host.netns}`])
  await ip(['link set lo up'], host.netns)
  for (const link of host.links) await plugInCable(host, link)
  await ip(
    host.routes.map(r => `route add ${r.to} via ${r.via}`),
    host.netns,
  )
  if (host.forwards) await setForwarding(host.netns)
}

const plugInCable = async (host: HostPlan, link: Link): Promise<void> => {
  await ip(
    [
      `link add ${link.device} address ${link.mac} type veth peer name ${link.port} netns ${link.switchNetns}`,
      // A machine gives the cables of its gateways their addresses: files/lab/common/nspawn/usr/lib/fmc-lab/cables.
      ...(link.gateway ? [] : link.addresses).map(
        address => `addr add ${address} brd + dev ${link.device}`,
      ),
      `link set ${link.device} up`,
    ],
    host.netns,
  )
  await ip([`link set ${link.port} master ${link.bridge} up`], link.switchNetns)
}

/**
 * Gives a running machine the routes of `now`, and the cables of the networks that it routes. Its own NICs must be the same.
 * It may be repeated after an interruption.
 */
export const changeCables = async (before: HostPlan, now: HostPlan): Promise<void> => {
  const isIn = (links: readonly Link[], link: Link): boolean =>
    links.some(other => same(other, link))
  for (const old of before.links.filter(l => !isIn(now.links, l)))
    await ipTry(now.netns, 'link', 'del', old.device)
  for (const link of now.links.filter(l => !isIn(before.links, l))) {
    await ipTry(now.netns, 'link', 'del', link.device)
    await ipTry(link.switchNetns, 'link', 'del', link.port)
    await plugInCable(now, link)
  }
  await changeRoutes(now.netns, before.routes, now.routes)
}

/** Removes a host's cables and its namespace, if they are there. The cables go first: a deleted namespace keeps them for a while. */
export const unplug = async (host: HostPlan): Promise<void> => {
  if (!existsSync(netnsPath(host.netns))) return
  for (const link of host.links) await ipTry(link.switchNetns, 'link', 'del', link.port)
  await exec(['ip', 'netns', 'del', host.netns])
}

/** Pulls a host's cables at the switch, so that the host sees no carrier, or plugs them in again. */
export const setCables = async (
  ports: readonly { readonly netns: string; readonly device: string }[],
  up: boolean,
): Promise<void> => {
  for (const port of ports) await ip([`link set ${port.device} ${up ? 'up' : 'down'}`], port.netns)
}

/** Makes a new namespace for a virtual machine, with a tap device per cable for QEMU to open. */
export const plugInTaps = async (host: HostPlan): Promise<void> => {
  await unplug(host)
  await ip([`netns add ${host.netns}`])
  await ip(
    host.links.map(link => `tuntap add dev ${link.port} mode tap`),
    host.netns,
  )
}

/** Moves the tap devices that QEMU holds open into the networks. */
export const connectTaps = async (host: HostPlan): Promise<void> => {
  for (const link of host.links) {
    await ip([`link set ${link.port} netns ${link.switchNetns}`], host.netns)
    await ip([`link set ${link.port} master ${link.bridge} up`], link.switchNetns)
  }
}

/** Whether all of a host's cables are pulled. */
export const cablesAreCut = async (
  ports: readonly { readonly netns: string; readonly device: string }[],
): Promise<boolean> => {
  for (const { netns, device } of ports) {
    const { stdout } = await exec(['ip', '-n', netns, '-j', 'link', 'show', 'dev', device], {
      allowFailure: true,
    })
    if (!/"flags":\[[^\]]*"UP"/.test(stdout)) continue
    return false
  }
  return ports.length > 0
}
