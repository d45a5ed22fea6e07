import { spawn } from 'node:child_process'
import { UsageError } from '../errors.ts'
import { endGroups } from './cgroups.ts'
import { leaderOf } from './machine.ts'
import { setCables } from './network.ts'
import { netnsPath } from './paths.ts'
import { readState } from './state.ts'
import type { LabHost, LabState } from './state.ts'
import { alive } from './up.ts'

export { coredns } from './coredns.ts'
export { down } from './down.ts'
export { labSecret } from './secrets.ts'
export { labNames, readState } from './state.ts'
export type { LabArtifact, LabHost, LabState } from './state.ts'
export { alive, up } from './up.ts'
export type { UpOptions } from './up.ts'

/** The lab's state; a UsageError when it is not up. */
export const stateOf = (name = 'default'): LabState => {
  const state = readState(name)
  if (state === undefined) throw new UsageError(`lab ${name} is not up`, { hint: 'fmc lab up' })
  return state
}

const hostOf = (state: LabState, host: string): LabHost => {
  const found = state.hosts.find(h => h.name === host)
  if (found === undefined) throw new UsageError(`lab ${state.name} has no host ${host}`)
  return found
}

/** A command line that runs `argv` where fmc stands in the lab: only there its addresses exist. */
export const enterLab = (state: LabState, argv: readonly string[]): string[] => [
  'nsenter',
  `--net=${netnsPath(state.controllerNetns)}`,
  '--',
  ...argv,
]

/** A command line that runs `argv` in a host's network, as a process of this machine. */
export const enterHostNetwork = (
  state: LabState,
  host: string,
  argv: readonly string[],
): string[] => ['nsenter', `--net=${netnsPath(hostOf(state, host).netns)}`, '--', ...argv]

/** The ssh command line of a host, keys and strict host keys included; run it through enterLab. */
export const sshCommand = (state: LabState, host: string, argv: readonly string[]): string[] => [
  'ssh',
  ...['-F', 'none', '-i', state.ssh.identityFile],
  ...['-o', `UserKnownHostsFile=${state.ssh.knownHostsFile}`],
  ...['-o', 'GlobalKnownHostsFile=none', '-o', 'StrictHostKeyChecking=yes'],
  ...['-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR'],
  `${state.ssh.user}@${hostOf(state, host).address}`,
  ...argv,
]

/** What a host of a lab does now. */
export interface HostStatus {
  readonly host: LabHost
  readonly state: 'running' | 'dead' | 'cut off'
}

/** The lab as it is now. */
export const status = async (state: LabState): Promise<HostStatus[]> => {
  const { cablesAreCut } = await import('./network.ts')
  return Promise.all(
    state.hosts.map(async host => {
      if (!alive(host)) return { host, state: 'dead' as const }
      return {
        host,
        state: (await cablesAreCut(host.ports)) ? ('cut off' as const) : ('running' as const),
      }
    }),
  )
}

/** Pulls a host's network cables. */
export const cut = async (state: LabState, host: string): Promise<void> =>
  setCables(hostOf(state, host).ports, false)

/** Plugs them in again. */
export const heal = async (state: LabState, host: string): Promise<void> =>
  setCables(hostOf(state, host).ports, true)

/** Pulls a host's power plug: all its processes end at once. `up` boots it again, disks as they were. */
export const kill = async (state: LabState, host: string): Promise<void> => {
  hostOf(state, host)
  await endGroups(state.key, host)
}

/** The process id of a running host's init, seen from this machine; undefined when it is a VM or dead. */
export const leader = (state: LabState, host: string): number | undefined =>
  leaderOf(hostOf(state, host).pid)

/** A shell on a host over SSH, on this terminal; its exit code. */
export const shell = (
  state: LabState,
  host: string,
  argv: readonly string[] = [],
): Promise<number> =>
  new Promise((resolve, reject) => {
    const [command = '', ...rest] = enterLab(state, sshCommand(state, host, argv))
    const child = spawn(command, rest, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 128))
  })
