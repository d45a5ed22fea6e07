import { join } from 'node:path'
import type { Host, Inventory, Os } from '../inventory/types.ts'
import { k3sVersions } from './doubles/k3s.ts'
import { stateOf } from './enter.ts'
import { labSecret } from './secrets.ts'
import type { LabState } from './state.ts'

/** What a run against the lab works on instead of the real hosts. */
export interface Twin {
  /** The lab's directory: the journal and kept files of its runs go there. */
  readonly dir: string
  /** One line for people: the lab, and how much in it is not the real thing. */
  readonly summary: string
  readonly skippedRoles: LabState['skippedRoles']
  /** Variables that hold in the lab only. */
  readonly vars: LabState['vars']
  /** The inventory as the lab's machines are; `madeVms` are the VMs that its hypervisor makes, by default the lab's choice. */
  readonly inventory: (loaded: Inventory, madeVms: unknown) => Inventory
  readonly login: (host: Host) => Login
  /** The made-up value of a secret. */
  readonly secret: (name: string) => string
}

/** How to log in to a host of the lab. */
export interface Login {
  readonly user: string
  readonly sudo: boolean
  readonly identityFile: string
  readonly knownHostsFile: string
}

/** Known hosts of the virtual machines that the lab's hypervisor makes: they have keys of their own. */
const vmKnownHosts = (dir: string): string => join(dir, 'known_hosts.vms')

/** The twin of that name; a dry run also plans the VMs that the lab could not boot. UsageError when it is not up. */
export function twinOf(name: string, dryRun: boolean): Twin {
  const state = stateOf(name)
  const lab = dryRun ? withPlanned(state) : state
  return {
    dir: lab.dir,
    summary: summaryOf(lab),
    skippedRoles: lab.skippedRoles,
    vars: lab.vars,
    inventory: (loaded, madeVms) => {
      const made = madeVms ?? lab.made
      return inventoryIn(lab, loaded, Array.isArray(made) ? made : [])
    },
    login: host => loginTo(lab, host),
    secret: secret => labSecret(lab.dir, secret),
  }
}

const summaryOf = ({ name, hosts, standIns }: LabState): string => {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
  return `lab ${name}: ${count(hosts.length, 'host')}; ${count(standIns.length, 'stand-in')} for what a lab cannot have: fmc lab status names them`
}

const withPlanned = (lab: LabState): LabState => ({
  ...lab,
  vars: { ...lab.vars, ...lab.planned.vars },
  artifacts: { ...lab.artifacts, ...lab.planned.artifacts },
})

const DEBIAN: Os = { name: 'debian', family: 'debian', version: '12' }

/** Hosts whose roles have no row for Debian: a VM that is still to be made is planned as what it is. */
const enterpriseOnly = ({ groups }: Inventory): ReadonlySet<unknown> =>
  new Set(['ipa_servers', 'ipa_clients'].flatMap(group => groups.get(group) ?? []))

/**
 * The lab's hosts have the operating systems of their personalities and the artifacts that the lab has built. A host
 * that the lab does not run itself may be a VM that its hypervisor makes: Debian, with keys of its own.
 */
const inventoryIn = (lab: LabState, loaded: Inventory, madeVms: readonly unknown[]): Inventory => {
  const likeDebian = new Set<unknown>([
    ...lab.hosts.filter(h => h.personality === 'debian' && h.image !== true).map(h => h.name),
    ...madeVms.filter(name => !enterpriseOnly(loaded).has(name)),
  ])
  return {
    ...loaded,
    knownHostsFile: vmKnownHosts(lab.dir),
    artifacts: {
      ...loaded.artifacts,
      ...lab.artifacts,
      ...(lab.programs.realK3s ? {} : k3sVersions(loaded, lab.artifacts['k3s'])),
    },
    hosts: new Map(
      [...loaded.hosts].map(([name, host]) => [
        name,
        {
          ...host,
          os: host.os.family !== 'flatcar' && likeDebian.has(name) ? DEBIAN : host.os,
          ssh: { ...host.ssh, identityFile: lab.ssh.identityFile },
        },
      ]),
    ),
  }
}

const loginTo = ({ dir, ssh, hosts }: LabState, host: Host): Login => ({
  identityFile: ssh.identityFile,
  ...(hosts.some(h => h.name === host.name)
    ? { user: ssh.user, sudo: false, knownHostsFile: ssh.knownHostsFile }
    : { user: host.ssh.user, sudo: host.ssh.sudo, knownHostsFile: vmKnownHosts(dir) }),
})
