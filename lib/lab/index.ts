import { spawn } from 'node:child_process'
import { endGroups } from './machines/cgroups.ts'
import { enterLab, hostOf, sshCommand } from './enter.ts'
import { leaderOf } from './machines/nspawn.ts'
import { cablesAreCut, setCables } from './network/cables.ts'
import type { LabHost, LabState } from './state.ts'
import { alive } from './machines/boot.ts'

export { alive } from './machines/boot.ts'
export { coredns } from './doubles/coredns.ts'
export { down } from './down.ts'
export { enterHostNetwork, enterLab, sshCommand, stateOf } from './enter.ts'
export { k3sVersions } from './doubles/k3s.ts'
export { labSecret } from './secrets.ts'
export { labNames, readState } from './state.ts'
export type { LabArtifact, LabHost, LabState } from './state.ts'
export { up } from './up.ts'
export type { UpOptions } from './up.ts'

/** What a host of a lab does now. */
export interface HostStatus {
  readonly host: LabHost
  readonly state: 'running' | 'dead' | 'cut off'
}

/** The lab as it is now. */
export const status = async (state: LabState): Promise<HostStatus[]> => {
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
