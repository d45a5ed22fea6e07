import { hosts, probe, tryOn, type Check, type Host } from '../../lib/index.ts'
import type { ServerState } from '../shared/k3s/server-state.ts'
import { notReady, serves } from '../shared/k3s/serving.ts'
import { SERVERS, stateHere } from '../shared/k3s/survey.ts'

/** The server is healthy and has run that long without a restart, in whichever run it was started: a server may be ready once and then fail. */
export const staysUp = (seconds: number): Check => serves(state => upLongEnough(state, seconds))

/** Why a healthy server does not count as stable yet; undefined: it does. */
export function upLongEnough({ unit }: ServerState, seconds: number): string | undefined {
  const up = unit.upSeconds ?? 0
  return up >= seconds ? undefined : `it has been up for ${Math.floor(up)} s of ${seconds}`
}

/** true if this server is a member of etcd and all members vote, else what is missing. */
export const membersAreVoters = async (address: string): Promise<true | string> =>
  incomplete(await stateHere(), address) ?? true

/** Which members do not vote yet; undefined: all do. */
export function incomplete(state: ServerState, address: string): string | undefined {
  if (!state.healthy) return state.problem
  if (!state.members.some(m => m.address === address)) return `${address} is not a member yet`
  const joining = state.members.filter(m => m.learner || !m.started)
  if (joining.length === 0) return undefined
  return joining
    .map(m => `${m.name || m.address} ${m.started ? 'is still a learner' : 'has not started'}`)
    .join(', ')
}

/** true if the node is Ready and runs this version, else what is missing. */
export const nodeIsReady = async ({ name }: Host, version: string): Promise<true | string> =>
  notReady(await stateHere(), name, version) ?? true

/** etcd and TLS need agreeing clocks: to a server whose clock is behind, a new certificate is not valid yet. */
export async function clocksAgree(): Promise<true | string> {
  const clocks = await Promise.all(
    hosts(SERVERS).map(async server => {
      const asked = await tryOn(server, () => probe({ estimate: false, whenNew: '' })`date +%s`)
      const text = asked.ok ? asked.value.stdout.trim() : ''
      return { name: server.name, seconds: /^\d+$/.test(text) ? Number(text) : undefined }
    }),
  )
  return clockSkew(clocks) ?? true
}

const MOST_SECONDS = 10

/** Which clocks are too far apart; undefined: none. Servers that do not answer are left out. */
export function clockSkew(
  clocks: readonly { readonly name: string; readonly seconds: number | undefined }[],
): string | undefined {
  const known = clocks.flatMap(({ name, seconds }) =>
    seconds === undefined ? [] : [{ name, seconds }],
  )
  const [first, ...rest] = known.toSorted((a, b) => a.seconds - b.seconds)
  const last = rest.at(-1)
  if (!first || !last || last.seconds - first.seconds <= MOST_SECONDS) return undefined
  return `the clock of ${first.name} is ${last.seconds - first.seconds} s behind that of ${last.name}: see timedatectl there, and whether it can reach its NTP server`
}
