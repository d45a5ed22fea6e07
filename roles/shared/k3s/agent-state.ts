import { excerpt, probe, TaskError } from '../../../lib/index.ts'
import { CONFIG, DATA_DIR } from './platform.ts'
import { complaintsOf, lastWord } from './journal.ts'
import { hashOf, parseUnit, seedOf, type UnitState } from './server-state.ts'

export interface AgentState {
  /** Has the host been a node of a cluster? */
  readonly joined: boolean
  readonly unit: UnitState
  /** What it complains of, if it does not stay up or has not joined. */
  readonly said: string
  /** Address of the server that its config.yaml names as the one to join. */
  readonly seed: string | undefined
  /** Hash of the authority that the token in its config.yaml trusts. */
  readonly pin: string | undefined
}

/** The question for the state. Other roles forecast its answer. */
export const AGENT_SCRIPT = `if [ -e ${DATA_DIR}/agent/client-kubelet.crt ] && [ -e /etc/rancher/node/password ]; then echo yes; else echo no; fi
sed -n 's/^server: *//p' ${CONFIG} 2>/dev/null | head -n 1 | grep . || echo
sed -n 's/^token: "K10\\([0-9a-f]*\\)::.*/\\1/p' ${CONFIG} 2>/dev/null | grep . || echo
unit=$(systemctl show -p ActiveState -p SubState -p NRestarts k3s-agent.service | tr '\\n' ' ')
echo "$unit"
case $unit in
  *ActiveState=inactive*) ;;
  *ActiveState=active*NRestarts=0* | *NRestarts=0*ActiveState=active*) [ -e ${DATA_DIR}/agent/client-kubelet.crt ] || ${complaintsOf('k3s-agent')} ;;
  *) ${complaintsOf('k3s-agent')} ;;
esac`

/** The answer of a host without K3s. */
const WHEN_NEW = 'no\n\n\nActiveState=inactive SubState=dead NRestarts=0\n'

/** The state of the agent on which this runs. */
export async function agentHere(): Promise<AgentState> {
  const { stdout, stderr, exitCode } = await probe({
    estimate: false,
    whenNew: WHEN_NEW,
  })`sh -c ${AGENT_SCRIPT}`
  if (exitCode !== 0)
    throw new TaskError(`cannot read the state of the K3s agent: ${stderr.trim()}`)
  return parseAgent(stdout)
}

/** Has the agent on which this runs never joined a cluster? Then no pod runs there. */
export async function neverJoined(): Promise<boolean> {
  const { joined, unit } = await agentHere()
  return !joined && unit.active === 'inactive'
}

/** Parses the answer to AGENT_SCRIPT. Throws TaskError when it makes no sense. */
export function parseAgent(text: string): AgentState {
  const [joined, seed = '', pin, show = '', ...complaints] = text.split('\n')
  const unit = parseUnit(show)
  if ((joined !== 'yes' && joined !== 'no') || !unit)
    throw new TaskError(`this is not the state of a K3s agent: ${excerpt(text)}`)
  return {
    joined: joined === 'yes',
    unit,
    said: complaint(complaints),
    seed: seedOf(seed.trim()),
    pin: hashOf(pin),
  }
}

/** An agent that no server lets in keeps running and complains; one that ends says why in the try that ended. */
function complaint(lines: readonly string[]): string {
  const of = (key: string): string =>
    lastWord(lines.find(l => l.startsWith(`${key} `))?.slice(key.length + 1) ?? '')
  return of('says') || of('said')
}
