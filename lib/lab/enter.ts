import { UsageError } from '../errors.ts'
import { netnsPath } from './paths.ts'
import { readState } from './state.ts'
import type { LabHost, LabState } from './state.ts'

/** The lab's state. UsageError when it is not up. */
export const stateOf = (name = 'default'): LabState => {
  const state = readState(name)
  if (state === undefined)
    throw new UsageError(`lab ${name} is not up`, {
      hint: name === 'default' ? 'fmc lab up' : `fmc lab up --name ${name}`,
    })
  return state
}

/** A host of a lab. UsageError when the lab has none of that name. */
export const hostOf = (state: LabState, host: string): LabHost => {
  const found = state.hosts.find(h => h.name === host)
  if (found === undefined) throw new UsageError(`lab ${state.name} has no host ${host}`)
  return found
}

/** A command line that runs `argv` inside the lab's network, where fmc runs: only there its addresses exist. */
export const enterLab = (state: LabState, argv: readonly string[]): string[] => [
  'nsenter',
  `--net=${netnsPath(state.controllerNetns)}`,
  '--',
  ...argv,
]

/** The ssh command line for a host, with its key and strict host keys; run it through enterLab. */
export const sshCommand = (state: LabState, host: string, argv: readonly string[]): string[] => [
  'ssh',
  ...['-F', 'none', '-i', state.ssh.identityFile],
  ...['-o', `UserKnownHostsFile=${state.ssh.knownHostsFile}`],
  ...['-o', 'GlobalKnownHostsFile=none', '-o', 'StrictHostKeyChecking=yes'],
  ...['-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR'],
  `${state.ssh.user}@${hostOf(state, host).address}`,
  ...argv,
]
