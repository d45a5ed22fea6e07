import { excerpt, probe, TaskError } from '../../../lib/index.ts'
import { CONFIG, DATA_DIR } from './platform.ts'
import { hashOf, messageOf, parseUnit, seedOf, type UnitState } from './server-state.ts'

export interface AgentState {
  /** Has the host been a node of a cluster? */
  readonly joined: boolean
  readonly unit: UnitState
  /** The last error in its journal, if it does not run or has not joined. */
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
systemctl show -p ActiveState -p SubState -p NRestarts k3s-agent.service | tr '\\n' ' '; echo
systemctl is-active -q k3s-agent.service && [ -e ${DATA_DIR}/agent/client-kubelet.crt ] ||
  journalctl -q -u k3s-agent.service -o cat -n 60 2>/dev/null | grep -E 'level=(fatal|error)|^Error|Waiting to retrieve' | tail -n 1 || :`

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

/** Parses the answer to AGENT_SCRIPT. Throws TaskError when it makes no sense. */
export function parseAgent(text: string): AgentState {
  const [joined, seed = '', pin, show = '', said = ''] = text.split('\n')
  const unit = parseUnit(show)
  if ((joined !== 'yes' && joined !== 'no') || !unit)
    throw new TaskError(`this is not the state of a K3s agent: ${excerpt(text)}`)
  return {
    joined: joined === 'yes',
    unit,
    said: messageOf(said),
    seed: seedOf(seed.trim()),
    pin: hashOf(pin),
  }
}
