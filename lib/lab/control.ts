import { spawn } from 'node:child_process'
import { enterLab, hostOf, sshCommand } from './enter.ts'
import { alive } from './machines/boot.ts'
import { endGroups } from './machines/cgroups.ts'
import { cablesAreCut, setCables } from './network/cables.ts'
import type { LabHost, LabState } from './state.ts'

/** What a host of a lab does now. */
export interface HostStatus {
  readonly host: LabHost
  readonly state: 'running' | 'dead' | 'cut off'
}

/** The lab's hosts as they are now. */
export const status = (lab: LabState): Promise<HostStatus[]> =>
  Promise.all(
    lab.hosts.map(async (host): Promise<HostStatus> => {
      if (!alive(host)) return { host, state: 'dead' }
      return { host, state: (await cablesAreCut(host.ports)) ? 'cut off' : 'running' }
    }),
  )

/** Pulls a host's network cables. */
export const cut = async (lab: LabState, host: string): Promise<void> =>
  setCables(hostOf(lab, host).ports, false)

/** Plugs a host's network cables in again. */
export const heal = async (lab: LabState, host: string): Promise<void> =>
  setCables(hostOf(lab, host).ports, true)

/** Pulls a host's power plug: all its processes end at once. `up` boots it again with the same disks. */
export const kill = async (lab: LabState, host: string): Promise<void> => {
  hostOf(lab, host)
  await endGroups(lab.key, host)
}

/** A shell on a host over SSH, on this terminal; resolves with its exit code. */
export const shell = (lab: LabState, host: string, argv: readonly string[] = []): Promise<number> =>
  new Promise((resolve, reject) => {
    const [command = '', ...rest] = enterLab(lab, sshCommand(lab, host, argv))
    const child = spawn(command, rest, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 128))
  })
