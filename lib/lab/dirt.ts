import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { DIRT, type Dirt } from '../inventory/dirt.ts'
import { matchNames } from '../inventory/patterns.ts'
import type { Inventory } from '../inventory/types.ts'
import { enterLab, sshCommand } from './enter.ts'
import { exec } from './exec.ts'
import { leaderOf } from './machines/nspawn.ts'
import { labFiles } from './paths.ts'
import type { LabHost, LabState, Personality } from './state.ts'

/** A kind of dirt. */
export interface Kind {
  /** What a host with it is like: a sentence. */
  readonly summary: string
  /** The hosts that can have it. */
  readonly on: readonly Personality[]
  /** Only a virtual machine can have it: a container shares this machine's kernel. */
  readonly vm?: true
}

const ALL: readonly Personality[] = ['debian', 'debian13', 'el9', 'flatcar']
const DEBIAN: readonly Personality[] = ['debian', 'debian13']
const PACKAGED: readonly Personality[] = [...DEBIAN, 'el9']

/** What each kind of dirt is; files/lab/dirt/NAME.sh makes it (port.sh that of every port). */
export const KINDS: Readonly<Record<Dirt, Kind>> = {
  'clock-ahead': { summary: 'the clock is an hour ahead', on: ALL, vm: true },
  'dead-repository': {
    summary: 'apt or dnf has a repository that does not answer',
    on: PACKAGED,
  },
  'docker-forward': {
    summary: "iptables drops what is forwarded, as Docker's policy does",
    on: DEBIAN,
  },
  'dpkg-lock': {
    summary: "dpkg's lock is held for 20 seconds after every boot, as unattended-upgrades does",
    on: DEBIAN,
  },
  environment: {
    summary: 'sshd, PAM and files of root set a proxy, PGUSER, KUBECONFIG, TZ and a Turkish locale',
    on: PACKAGED,
  },
  'foreign-exports': { summary: '/etc/exports shares a directory of somebody else', on: ALL },
  'full-var': { summary: '/var is a file system of its own, and full', on: ALL },
  'immutable-file': { summary: '/etc/resolv.conf has the attribute i (chattr(1))', on: PACKAGED },
  'login-shell': { summary: "root's login shell is tcsh", on: DEBIAN },
  'max-sessions': {
    summary: 'sshd allows one session per connection (MaxSessions 1)',
    on: PACKAGED,
  },
  'no-sftp': { summary: 'sshd has no sftp subsystem', on: PACKAGED },
  'noexec-tmp': { summary: '/tmp and /var/tmp are mounted with noexec', on: PACKAGED },
  'old-postgresql': { summary: 'the data and settings of PostgreSQL 13 are there', on: PACKAGED },
  'other-node-name': { summary: 'the host is a K3s node under another name', on: ALL },
  'port-53': { summary: 'another program listens on port 53', on: PACKAGED },
  'port-8080': { summary: 'another program listens on port 8080', on: PACKAGED },
  'rc-files': {
    summary: 'the files of the login shell print, trace and change the directory',
    on: ALL,
  },
  'second-nic': {
    summary: 'a NIC that the inventory does not have carries the default route',
    on: PACKAGED,
  },
  'sysctl-conf': {
    summary: '/etc/sysctl.conf turns forwarding off at the next boot',
    on: PACKAGED,
  },
}

const isDirt = (name: string): name is Dirt => Object.hasOwn(KINDS, name)

/**
 * The kinds of dirt with these names; `none` alone is none. Throws UsageError for a name that there is not.
 *
 * @example
 * dirtNamed(['port-53']) // for hosts on which another program listens on port 53
 */
export const dirtNamed = (names: readonly string[]): Dirt[] =>
  (names.join() === 'none' ? [] : names).map(name => {
    if (isDirt(name)) return name
    throw new UsageError(`the lab has no dirt ${name}`, { hint: 'fmc lab dirt' })
  })

/** A host as dirt sees it. */
export interface Soiled {
  readonly name: string
  readonly personality: Personality
  readonly vm: boolean
}

const canHave = ({ personality, vm }: Soiled, name: Dirt): boolean =>
  KINDS[name].on.includes(personality) && (vm || KINDS[name].vm !== true)

/** The dirt of a host: what the inventory wants there, and `everywhere`, as far as the host can have it. */
export const dirtOf = (inventory: Inventory, everywhere: readonly Dirt[], host: Soiled): Dirt[] => {
  const wanted = wantedOn(inventory, host.name)
  return DIRT.filter(
    name => (wanted.includes(name) || everywhere.includes(name)) && canHave(host, name),
  )
}

/** Throws UsageError for dirt that only virtual machines can have, if none of the hosts is one: nobody would get it. */
export const demandVms = (everywhere: readonly Dirt[], hosts: readonly Soiled[]): void => {
  const [lost] = everywhere.filter(name => KINDS[name].vm && !hosts.some(h => canHave(h, name)))
  const [first] = hosts
  if (lost === undefined || first === undefined) return
  throw new UsageError(
    `no host can have the dirt ${lost}: ${KINDS[lost].summary} only in a virtual machine, as a container has this machine's kernel`,
    { hint: `fmc lab up --vm ${first.name} --dirt ${lost}` },
  )
}

/** In words, the dirt that the inventory wants on containers, and that only virtual machines can have. */
export const notForContainers = (inventory: Inventory, hosts: readonly Soiled[]): string[] =>
  DIRT.filter(name => KINDS[name].vm).flatMap(name => {
    const without = hosts.filter(h => !h.vm && wantedOn(inventory, h.name).includes(name))
    const names = without.map(h => h.name).join(',')
    return without.length === 0
      ? []
      : [
          `lab.dirt: ${names} cannot have ${name}, as a container has this machine's kernel: fmc lab up --vm ${names}`,
        ]
  })

const wantedOn = (inventory: Inventory, host: string): Dirt[] =>
  [...inventory.lab.dirt]
    .filter(([pattern]) => matchNames(inventory, pattern).has(host))
    .flatMap(([, names]) => names)

/** Puts the dirt on a running host that it does not have yet. It may be repeated after an interruption. */
export const soil = async (lab: LabState, host: LabHost, names: readonly Dirt[]): Promise<void> => {
  for (const name of names) {
    const [file = name, ...args] = /^(port)-(\d+)$/.exec(name)?.slice(1) ?? []
    const script = readFileSync(join(labFiles(), 'dirt', `${file}.sh`), 'utf8')
    const shell = ['sh', '-eu', '-s', '--', ...args]
    const inside = host.vm
      ? enterLab(lab, sshCommand(lab, host.name, [shell.join(' ')]))
      : ['nsenter', '-t', String(leaderOf(host.pid)), '-m', '-p', '-n', '-r', ...shell]
    await exec(inside, { input: script })
  }
}
