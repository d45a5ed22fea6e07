import { excerpt, TaskError } from '../../../lib/index.ts'
import { OWN_CURL } from '../curl.ts'
import { complaintsOf, lastWord } from './journal.ts'
import { parseNodes, type NodeState } from './nodes.ts'
import { CONFIG, DATA_DIR, KUBECTL_TEXT } from './platform.ts'

export { parseNodes, type NodeState }

/** A member of etcd: a line of `etcdctl member list`. */
export interface Member {
  /** Hexadecimal. */
  readonly id: string
  /** Empty until the member starts for the first time. */
  readonly name: string
  readonly started: boolean
  /** Host part of its peer URL: the address of the server. */
  readonly address: string
  readonly learner: boolean
}

/** The state of a K3s server. */
export interface ServerState {
  /** Is there etcd data on its disk? */
  readonly data: boolean
  /** Has it been a node of a cluster? */
  readonly joined: boolean
  readonly unit: UnitState
  /** Address of the server that its config.yaml names as the one to join. */
  readonly seed: string | undefined
  /** Does its config.yaml tell it to found a cluster? fmc removes that once it is up. */
  readonly founds: boolean
  /** Hash of the certificate authority that the token in its config.yaml trusts. */
  readonly pin: string | undefined
  /** Hash of its cluster's certificate authority, from the token file that K3s wrote. */
  readonly ca: string | undefined
  /** etcd has a quorum, and the API is ready. */
  readonly healthy: boolean
  /** Why it is not healthy; empty if it is. */
  readonly problem: string
  /** Why its last try ended, if K3s has ended by itself since it was started; else empty. */
  readonly said: string
  /** Empty unless the server is healthy, like `nodes`. */
  readonly members: readonly Member[]
  readonly nodes: readonly NodeState[]
}

const ETCD = `${DATA_DIR}/server/tls/etcd`
/** etcd's own client with the certificates of K3s (docs.k3s.io/advanced). */
export const ETCDCTL = `ETCDCTL_API=3 timeout 10 etcdctl --endpoints https://127.0.0.1:2379 --cacert ${ETCD}/server-ca.crt --cert ${ETCD}/client.crt --key ${ETCD}/client.key`

/**
 * The question for the state. It is the same for every server, so that one answer serves all roles of a run. K3s writes
 * etcd's log before anything else of a member (pkg/etcd IsInitialized), and the kubelet's certificate once it is a node.
 * Somebody may have edited config.yaml with CRLF: the run that mends it must understand it first.
 */
export const STATE_SCRIPT = `d=${DATA_DIR}
if [ -d $d/server/db/etcd/member/wal ]; then echo data yes; else echo data no; fi
if [ -e $d/agent/client-kubelet.crt ]; then echo joined yes; else echo joined no; fi
sed -n -e 's/\\r$//' -e 's/^server: */seed /p' -e 's/^cluster-init: *true$/founds yes/p' -e 's/^token: "K10\\([0-9a-f]*\\)::.*/pin \\1/p' -e 's/^K10\\([0-9a-f]*\\)::.*/ca \\1/p' ${CONFIG} $d/server/token 2>/dev/null
ready=
if systemctl is-active -q k3s.service; then
  echo "health $(${OWN_CURL} -sS -m 5 http://127.0.0.1:2381/health 2>&1 | tr '\\n' ' ')"
  ready=$(timeout 10 ${KUBECTL_TEXT} get --raw /readyz 2>&1 | tail -n 1)
  echo "ready $ready"
  if [ "$ready" = ok ]; then
    echo "members $(${ETCDCTL} member list -w simple 2>/dev/null | tr '\\n' ';')"
    echo "nodes $(timeout 10 ${KUBECTL_TEXT} get nodes -o json 2>/dev/null | tr -d '\\n')"
  fi
fi
unit=$(systemctl show -p ActiveState -p SubState -p NRestarts -p ActiveEnterTimestampMonotonic k3s.service | tr '\\n' ' ')
read -r now _ </proc/uptime
echo "unit $unit Uptime=$now"
case $ready:$unit in
  ok:*ActiveState=active* | *ActiveState=inactive*) ;;
  *ActiveState=failed* | *SubState=auto-restart* | *NRestarts=[1-9]*) ${complaintsOf('k3s')} ;;
esac`

/** The answer of a host without K3s. */
export const STATE_WHEN_NEW =
  'data no\njoined no\nunit ActiveState=inactive SubState=dead NRestarts=0\nseed \n'

const nonsense = (what: string, text: string): TaskError =>
  new TaskError(`this is not the state of a K3s server: ${what}: ${excerpt(text)}`)

/** Parses the answer to STATE_SCRIPT. Throws TaskError when it makes no sense. */
export function parseState(text: string): ServerState {
  const lines = new Map<string, string>()
  for (const line of text.split('\n').filter(Boolean)) {
    const [, key = '', value = ''] = /^(\w+) ?(.*)$/.exec(line) ?? []
    if (!KEYS.has(key) || lines.has(key)) throw nonsense('line', line)
    lines.set(key, value.trim())
  }
  const unit = parseUnit(lines.get('unit') ?? '')
  if (!unit) throw nonsense('unit', lines.get('unit') ?? '')
  const said = lastWord(lines.get('said') ?? '') || lastWord(lines.get('says') ?? '')
  const problem = problemOf(unit.active, said, lines)
  const healthy = problem === ''
  return {
    data: yesOrNo(lines, 'data'),
    joined: yesOrNo(lines, 'joined'),
    unit,
    seed: seedOf(lines.get('seed') ?? ''),
    founds: lines.get('founds') === 'yes',
    pin: hashOf(lines.get('pin')),
    ca: hashOf(lines.get('ca')),
    healthy,
    problem,
    said,
    members: healthy ? parseMembers(lines.get('members') ?? '') : [],
    nodes: healthy ? parseNodes(lines.get('nodes') ?? '') : [],
  }
}

const KEYS = new Set([
  'data',
  'joined',
  'unit',
  'seed',
  'founds',
  'pin',
  'ca',
  'said',
  'says',
  'health',
  'ready',
  'members',
  'nodes',
])

export interface UnitState {
  /** systemd's ActiveState and SubState. */
  readonly active: string
  readonly sub: string
  /** How often systemd has restarted it since it was last started by hand or at boot. */
  readonly restarts: number
  /** For how many seconds it has been active; undefined: it is not, or nobody asked. */
  readonly upSeconds?: number | undefined
}

/**
 * Parses `systemctl show -p ActiveState -p SubState -p NRestarts` on one line, in any order; with
 * ActiveEnterTimestampMonotonic (in µs) and Uptime (in s, of the machine) also how long the unit has been active.
 */
export function parseUnit(text: string): UnitState | undefined {
  const values = new Map(
    text
      .trim()
      .split(/\s+/)
      .map(pair => pair.split('=', 2) as [string, string]),
  )
  const [active, sub, restarts] = ['ActiveState', 'SubState', 'NRestarts'].map(k => values.get(k))
  if (!active || !sub || !/^\d{1,9}$/.test(restarts ?? '')) return undefined
  const since = /^\d{1,18}$/.exec(values.get('ActiveEnterTimestampMonotonic') ?? '')?.[0]
  const now = /^\d{1,12}(\.\d{1,9})?$/.exec(values.get('Uptime') ?? '')?.[0]
  const known = active === 'active' && since !== undefined && now !== undefined
  return {
    active,
    sub,
    restarts: Number(restarts),
    upSeconds: known ? Math.max(0, Number(now) - Number(since) / 1e6) : undefined,
  }
}

/**
 * For one gate: has the unit ended by itself twice since the gate began? A first time may be harmless: the server to
 * join was not up yet, say. The number of restarts tells it also of a K3s that is active for a moment in each try, when
 * no question happens to meet it between two of them.
 */
export function crashWatch(): (unit: UnitState) => boolean {
  let first: number | undefined
  return ({ active, sub, restarts }) => {
    first ??= restarts
    return (
      active === 'failed' ||
      restarts > first + 1 ||
      (sub.startsWith('auto-restart') && restarts > first)
    )
  }
}

/** Does systemd run the server, or try to? */
export const isUp = (state: ServerState): boolean =>
  !['inactive', 'failed'].includes(state.unit.active)

function yesOrNo(lines: ReadonlyMap<string, string>, key: string): boolean {
  const value = lines.get(key)
  if (value !== 'yes' && value !== 'no') throw nonsense(key, value ?? '')
  return value === 'yes'
}

/** The address in `server: "https://10.17.4.21:6443"`. */
export const seedOf = (value: string): string | undefined =>
  /^"?https:\/\/([\d.]+):6443"?$/.exec(value)?.[1]

/** A SHA-256 in the form that K3s writes; undefined for anything else. */
export const hashOf = (value: string | undefined): string | undefined =>
  /^[0-9a-f]{64}$/.test(value ?? '') ? value : undefined

function problemOf(active: string, said: string, lines: ReadonlyMap<string, string>): string {
  if (active !== 'active') return `k3s.service is ${active}${said === '' ? '' : `: ${said}`}`
  const health = lines.get('health') ?? ''
  if (!/^\{"health":"true"/.test(health))
    return `etcd is not healthy: ${health.slice(0, 200) || 'no answer'}`
  const ready = lines.get('ready') ?? ''
  if (ready !== 'ok') return `the API is not ready: ${ready.slice(0, 200) || 'no answer'}`
  if (!lines.get('members')) return 'etcdctl does not list the members'
  if (!lines.get('nodes')) return 'the API does not list the nodes'
  return ''
}

/** Parses `etcdctl member list -w simple`: ID, status, name, peer URLs, client URLs, learner. Throws TaskError. */
export function parseMembers(text: string): Member[] {
  const members = text
    .split(/[;\n]/)
    .filter(line => line.trim() !== '')
    .map(line => {
      const [, id, status, name, peer, learner] =
        /^([0-9a-f]{1,16}), (started|unstarted), ([\w.-]*), (\S*), \S*, (true|false)$/.exec(
          line.trim(),
        ) ?? []
      const address = /^https?:\/\/([\d.]+):\d+(,|$)/.exec(peer ?? '')?.[1]
      if (id === undefined || address === undefined) throw nonsense('member', line)
      return {
        id,
        name: name ?? '',
        started: status === 'started',
        address,
        learner: learner === 'true',
      }
    })
  if (new Set(members.map(m => m.id)).size < members.length) throw nonsense('members', text)
  return members
}
