import { existsSync, readdirSync } from 'node:fs'
import { exec } from '../exec.ts'
import { netnsPath } from '../paths.ts'
import type { HostPlan, Topology } from './topology.ts'

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

/** Makes the networks' bridges and the namespace that fmc runs in. Nothing is made in the root namespace. */
export const makeSwitches = async (plan: Topology): Promise<void> => {
  const namespaces = new Set([plan.controllerNetns, ...plan.switches.map(s => s.netns)])
  await ip([...namespaces].map(name => `netns add ${name}`))
  for (const netns of namespaces) {
    const bridges = plan.switches.filter(s => s.netns === netns)
    await ip(
      [
        'link set lo up',
        ...bridges.flatMap(s => [
          `link add ${s.bridge} type bridge forward_delay 0`,
          `link set ${s.bridge} up`,
          ...(s.address === undefined ? [] : [`addr add ${s.address} dev ${s.bridge}`]),
        ]),
      ],
      netns,
    )
  }
  await ip(
    plan.controllerRoutes.map(r => `route replace ${r.to} via ${r.via}`),
    plan.controllerNetns,
  )
  await setForwarding(plan.controllerNetns)
}

/** Makes a new namespace for one host, with its cables, addresses and routes. */
export const plugIn = async (host: HostPlan): Promise<void> => {
  if (existsSync(netnsPath(host.netns))) await unplug(host)
  await ip([`netns add ${host.netns}`])
  await ip(
    [
      'link set lo up',
      ...host.links.flatMap(link => [
        `link add ${link.device} address ${link.mac} type veth peer name ${link.port} netns ${link.switchNetns}`,
        // A machine gives the cables of its gateways their addresses: files/lab/common/nspawn/usr/lib/fmc-lab/cables.
        ...(link.gateway ? [] : link.addresses).map(
          address => `addr add ${address} brd + dev ${link.device}`,
        ),
        `link set ${link.device} up`,
      ]),
      ...host.routes.map(r => `route add ${r.to} via ${r.via}`),
    ],
    host.netns,
  )
  for (const link of host.links)
    await ip([`link set ${link.port} master ${link.bridge} up`], link.switchNetns)
  if (host.forwards) await setForwarding(host.netns)
}

/** Deletes the cables first: a deleted namespace would keep them for a while. */
const unplug = async (host: HostPlan): Promise<void> => {
  for (const link of host.links)
    await exec(['ip', '-n', link.switchNetns, 'link', 'del', link.port], { allowFailure: true })
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
  if (existsSync(netnsPath(host.netns))) await unplug(host)
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
