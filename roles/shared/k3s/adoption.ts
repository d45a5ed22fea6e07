import { X509Certificate } from 'node:crypto'
import { excerpt, probe, TaskError } from '../../../lib/index.ts'
import { CONFIG, DATA_DIR } from './platform.ts'
import { hashOf } from './server-state.ts'

/** What of Kubernetes a machine has before fmc touches it. */
export interface Present {
  /** The node names that it uses or is set to use, each with the file or unit that says so. The kubelet's certificate comes first. */
  readonly names: readonly Setting[]
  /** Data directories other than K3s's usual one. */
  readonly dataDirs: readonly Setting[]
  /** Where a database outside of etcd is set, or K3s's own SQLite file. */
  readonly datastore: string | undefined
  /** K3s units that run or start at boot. */
  readonly units: readonly string[]
  /** Hash of the certificate authority that the kubelet trusts, in the form of K3s's tokens. */
  readonly ca: string | undefined
  /** Paths of another Kubernetes, such as kubeadm's. */
  readonly others: readonly string[]
}

interface Setting {
  readonly value: string
  readonly from: string
}

const KUBELET = `${DATA_DIR}/agent/client-kubelet.crt`
const SQLITE = `${DATA_DIR}/server/db/state.db`

/**
 * The question. Units and files of others hold tokens and passwords of databases: only names and paths leave the host.
 * K3s reads config.yaml, then config.yaml.d in order (docs.k3s.io/installation/configuration); its install script writes
 * flags into the unit and variables into UNIT.env. May fail: each test, of what the host does not have.
 */
export const PRESENT_SCRIPT = `d=${DATA_DIR}
[ -s ${KUBELET} ] && echo "cert $(sed -n -e '/-END/q' -e '/^[A-Za-z0-9+/=]*$/p' ${KUBELET} | tr -d '\\n')"
for f in ${CONFIG} ${CONFIG}.d/*.yaml; do
  [ -f "$f" ] && sed -nE -e "s/^[\\"']?(node-name|data-dir)[\\"']?: *[\\"']?([A-Za-z0-9._/-]+).*/\\1 \\2/p" -e "s/^[\\"']?datastore-endpoint[\\"']?: *[\\"']?[^\\"'# ].*/datastore-endpoint/p" "$f" |
    while read -r k v; do echo "set $k $f $v"; done
done
for u in k3s k3s-agent; do
  { systemctl is-active -q $u.service || systemctl is-enabled -q $u.service; } 2>/dev/null && echo "unit $u"
  { systemctl cat $u.service; cat /etc/systemd/system/$u.service.env /etc/default/$u /etc/sysconfig/$u; } 2>/dev/null |
    sed -E -e '/^[[:space:]]*[#;]/d' -e "s/(K3S_DATASTORE_ENDPOINT|--datastore-endpoint)=['\\"]*([[:space:]\\\\]|\\$)/\\2/g" |
    tr -s "'\\"\\\\\\\\\\n\\t =" ' ' |
    grep -oE '(--node-name|--data-dir|K3S_NODE_NAME|K3S_DATA_DIR) [A-Za-z0-9._/-]+|(--datastore-endpoint|K3S_DATASTORE_ENDPOINT) ' |
    sed -E -e 's/^(--|K3S_)//' -e 's/^NODE_NAME/node-name/' -e 's/^DATA_DIR/data-dir/' -e 's/^DATASTORE_ENDPOINT/datastore-endpoint/' |
    while read -r k v; do echo "set $k $u.service $v"; done
done
[ -e ${SQLITE} ] && [ ! -d $d/server/db/etcd ] && echo sqlite
[ "$(grep -c BEGIN $d/agent/server-ca.crt 2>/dev/null)" = 1 ] && sha256sum <$d/agent/server-ca.crt | sed 's/^\\([0-9a-f]*\\).*/ca \\1/'
for p in /etc/kubernetes/kubelet.conf /var/lib/rancher/rke2 /var/lib/k0s /var/snap/microk8s/current; do [ -e $p ] && echo "other $p"; done
:`

/** The answer of a host that has nothing of Kubernetes. */
export const PRESENT_WHEN_NEW = ''

/** The answer once the data, config.yaml and the boot of this unit are gone. */
export const withoutData = (answer: string, unit: string): string =>
  answer
    .split('\n')
    .filter(
      line =>
        !/^(cert|ca|sqlite)\b/.test(line) &&
        line !== `unit ${unit}` &&
        !line.includes(` ${CONFIG} `),
    )
    .join('\n')

/** What of Kubernetes the host has on which this runs. Throws TaskError when its answer makes no sense. */
export async function presentHere(): Promise<Present> {
  const { stdout, stderr, exitCode } = await probe({
    estimate: false,
    whenNew: PRESENT_WHEN_NEW,
  })`sh -c ${PRESENT_SCRIPT}`
  if (exitCode !== 0)
    throw new TaskError(`cannot read what of Kubernetes the host has: ${stderr.trim()}`)
  return parsePresent(stdout)
}

/** Parses the answer to PRESENT_SCRIPT. Throws TaskError when it makes no sense. */
export function parsePresent(text: string): Present {
  const names: Setting[] = []
  const dataDirs: Setting[] = []
  const units: string[] = []
  const others: string[] = []
  let datastore: string | undefined
  let ca: string | undefined
  for (const line of text.split('\n').filter(Boolean)) {
    const [, key = '', rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? []
    const [, setting, from = '', value = ''] = /^(\S+) (\S+) ?(\S*)$/.exec(rest) ?? []
    if (key === 'cert') {
      const value = nodeOf(rest)
      if (value !== undefined) names.unshift({ value, from: KUBELET })
    } else if (key === 'set' && setting === 'node-name') names.push({ value, from })
    else if (key === 'set' && setting === 'data-dir') {
      if (value.replace(/\/+$/, '') !== DATA_DIR) dataDirs.push({ value, from })
    } else if (key === 'set' && setting === 'datastore-endpoint') datastore ??= from
    else if (key === 'unit') units.push(rest)
    else if (line === 'sqlite') datastore ??= SQLITE
    else if (key === 'ca') ca = hashOf(rest)
    else if (key === 'other') others.push(rest)
    else throw new TaskError(`this is not what of Kubernetes a host has: ${excerpt(line)}`)
  }
  return { names, dataDirs, datastore, units, ca, others }
}

const LONGEST_CERTIFICATE = 10_000

/** The node in the subject of a kubelet's certificate, CN=system:node:NAME (kubernetes.io/docs/reference/access-authn-authz/node). */
function nodeOf(base64: string): string | undefined {
  if (base64.length > LONGEST_CERTIFICATE) return undefined
  try {
    const { subject } = new X509Certificate(Buffer.from(base64, 'base64'))
    return /^CN=system:node:([A-Za-z0-9.-]{1,253})$/m.exec(subject)?.[1]
  } catch {
    return undefined
  }
}

/** The host of the inventory that a machine is to be. */
export interface Wanted {
  readonly name: string
  readonly kind: 'server' | 'agent'
}

/**
 * Why a machine must not become this host: it is a node under another name, of another kind, of another Kubernetes, or
 * keeps its data elsewhere. undefined: it may.
 *
 * @example
 * refusedAdoption(await presentHere(), { name: 'master1', kind: 'server' })?.why
 */
export function refusedAdoption(
  present: Present,
  { name, kind }: Wanted,
): { readonly why: string; readonly hint: string } | undefined {
  const [own, foreign] = kind === 'server' ? ['k3s', 'k3s-agent'] : ['k3s-agent', 'k3s']
  const other = present.names.find(n => n.value !== name)
  if (other)
    return {
      why: `this machine is already the node ${other.value} (${other.from}), and Kubernetes cannot rename a node: as ${name} it would join a second time`,
      hint: rename(name, other),
    }
  if (present.others[0] !== undefined)
    return {
      why: `this machine already runs another Kubernetes (${present.others[0]})`,
      hint: `take it out of that cluster and remove that Kubernetes first, or take ${name} out of the group`,
    }
  if (present.units.includes(foreign))
    return {
      why: `this machine already runs ${foreign}.service, and the inventory wants a K3s ${kind} (${own}.service)`,
      hint: `put ${name} into the group ${kind === 'server' ? 'k3s_agents' : 'k3s_servers'}. To make a new node of it: systemctl disable --now ${foreign}   # on ${name}, then: fmc play node-replace --limit ${name} -e node_replace_wipe=true`,
    }
  const [dir] = present.dataDirs
  if (dir)
    return {
      why: `K3s on this machine keeps its data in ${dir.value} (${dir.from}); fmc's K3s uses ${DATA_DIR} and would start without it`,
      hint: `stop K3s, move the data to ${DATA_DIR} and delete data-dir from ${dir.from}`,
    }
  if (kind === 'server' && present.datastore !== undefined)
    return {
      why: `K3s on this machine keeps its cluster in ${present.datastore === SQLITE ? `SQLite (${SQLITE})` : `a database of its own (datastore-endpoint in ${present.datastore})`}; fmc's servers use etcd`,
      hint:
        present.datastore === SQLITE
          ? 'convert it first: restart K3s once with --cluster-init (docs.k3s.io/datastore/ha-embedded)'
          : 'move the cluster to embedded etcd first (docs.k3s.io/datastore)',
    }
  return undefined
}

/** The form that the inventory wants of a host name. */
const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

const rename = (name: string, { value, from }: Setting): string =>
  `${
    HOST_NAME.test(value)
      ? `rename ${name} to ${value} in the inventory, under hosts and in the groups`
      : `a host's name in the inventory cannot be ${value}`
  }. ${
    from === KUBELET
      ? `To make a new node of it instead: k3s kubectl delete node ${value}   # on a server, then: fmc play node-replace --limit ${name} -e node_replace_wipe=true`
      : `If that node no longer exists, delete node-name from ${from}`
  }`
