import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatIpv4, parseCidr } from '../../inventory/net.ts'
import type { HostPlan, Link } from '../network/topology.ts'

const UNITS = '/usr/lib/systemd/system'

/**
 * Writes what a machine that routes networks needs in its /etc: the list of its cables for fmc-lab-cables.service, and
 * for a NIC that a role will put into the LAN's bridge the configuration that an installer would have left.
 */
export const prepareRouter = (etc: string, { links, routes }: HostPlan): void => {
  const units = join(etc, 'systemd', 'system')
  const enable = (unit: string, target: string) => {
    mkdirSync(join(units, `${target}.wants`), { recursive: true })
    symlinkSync(join(UNITS, unit), join(units, `${target}.wants`, unit))
  }
  if (links.some(link => link.gateway)) {
    mkdirSync(join(etc, 'fmc-lab'), { recursive: true })
    writeFileSync(join(etc, 'fmc-lab', 'cables'), cablesText(links))
    enable('fmc-lab-power.service', 'sysinit.target')
    enable('fmc-lab-cables.service', 'multi-user.target')
  }
  for (const link of links.filter(l => l.uplink)) {
    mkdirSync(join(etc, 'systemd', 'network'), { recursive: true })
    const gateway = routes.find(route => route.to === 'default')?.via
    writeFileSync(
      join(etc, 'systemd', 'network', `50-${link.device}.network`),
      [
        `[Match]\nName=${link.device}\n[Network]`,
        ...link.addresses.map(address => `Address=${address}`),
        ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
        '',
      ].join('\n'),
    )
    // The image masks it, since other machines do not need it.
    for (const unit of ['systemd-networkd.service', 'systemd-networkd.socket'])
      symlinkSync(join(UNITS, unit), join(units, unit))
    enable('systemd-networkd.service', 'multi-user.target')
  }
}

/** The text of /etc/fmc-lab/cables. */
export const cablesText = (links: readonly Link[]): string => links.map(cable).join('')

/** A line of it; files/lab/common/nspawn/usr/lib/fmc-lab/cables reads it. */
const cable = ({ device, network, gateway, addresses }: Link): string => {
  const address = addresses[0]?.split('/')[0]
  const where =
    gateway && address
      ? [network, gateway.bridge, address, ...halves(gateway.cidr)]
      : Array<string>(5).fill('-')
  return `${[device, ...where].join(' ')}\n`
}

const halves = (cidr: string): string[] => {
  const block = parseCidr(cidr)
  if (typeof block === 'string') return [cidr, cidr]
  const middle = block.base + (block.last - block.base + 1) / 2
  return [block.base, middle].map(base => `${formatIpv4(base)}/${block.prefix + 1}`)
}
