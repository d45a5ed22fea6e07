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
}

const ALL: readonly Personality[] = ['debian', 'el9', 'flatcar']
const PACKAGED: readonly Personality[] = ['debian', 'el9']

/** What each kind of dirt is; files/lab/dirt/NAME.sh makes it. */
export const KINDS: Readonly<Record<Dirt, Kind>> = {
  'dead-repository': {
    summary: 'apt or dnf has a repository that does not answer',
    on: PACKAGED,
  },
  'docker-forward': {
    summary: "iptables drops what is forwarded, as Docker's policy does",
    on: ['debian'],
  },
  'dpkg-lock': {
    summary: "dpkg's lock is held for 20 seconds after every boot, as unattended-upgrades does",
    on: ['debian'],
  },
  environment: {
    summary: 'sshd, PAM and files of root set a proxy, PGUSER, KUBECONFIG, TZ and a Turkish locale',
    on: PACKAGED,
  },
  'foreign-exports': { summary: '/etc/exports shares a directory of somebody else', on: ALL },
  'immutable-file': { summary: '/etc/resolv.conf has the attribute i (chattr(1))', on: PACKAGED },
  'login-shell': { summary: "root's login shell is tcsh", on: ['debian'] },
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

/** The dirt of each host: what the inventory wants there, and `everywhere` on every host that can have it. */
export const dirtOf = (
  inventory: Inventory,
  everywhere: readonly Dirt[],
  host: string,
  personality: Personality,
): Dirt[] => {
  const wanted = [...inventory.lab.dirt]
    .filter(([pattern]) => matchNames(inventory, pattern).has(host))
    .flatMap(([, names]) => names)
  return DIRT.filter(
    name =>
      (wanted.includes(name) || everywhere.includes(name)) && KINDS[name].on.includes(personality),
  )
}

/** Puts the dirt on a running host that it does not have yet. It may be repeated after an interruption. */
export const soil = async (lab: LabState, host: LabHost, names: readonly Dirt[]): Promise<void> => {
  for (const name of names) {
    const script = readFileSync(join(labFiles(), 'dirt', `${name}.sh`), 'utf8')
    const inside = host.vm
      ? enterLab(lab, sshCommand(lab, host.name, ['sh -eu -s']))
      : ['nsenter', '-t', String(leaderOf(host.pid)), '-m', '-p', '-n', '-r', 'sh', '-eu', '-s']
    await exec(inside, { input: script })
  }
}
