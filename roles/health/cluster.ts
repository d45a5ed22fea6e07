import { peek } from '../../lib/index.ts'
import { stateHere } from '../k3s-common/survey.ts'
import type { ServerState } from '../k3s-common/state.ts'

/** What a K3s server says: about itself, and about the cluster if it can be asked. */
export interface ServerHealth {
  readonly state: ServerState
  /** Days that its certificate has left which ends first. */
  readonly certificateDays: number | undefined
  /** Hours since its newest snapshot. */
  readonly snapshotHours: number | undefined
  /** Pods that do not do what they should: namespace/name: why. */
  readonly sickPods: readonly string[]
  readonly pods: number
  readonly sickVolumes: readonly string[]
  readonly volumes: number | undefined
  /** Cordoned nodes. */
  readonly cordoned: readonly string[]
}

const HOME = 'cd /var/lib/rancher/k3s 2>/dev/null || exit 0'

/** Lines `certificate SECONDS`, for every one of K3s's that is no authority, and `now SECONDS`. */
export const CERTIFICATES = `${HOME}
for c in server/tls/*.crt server/tls/etcd/*.crt agent/*.crt; do
  case $c in *-ca.crt|*ca.nochain.crt) ;; *) [ ! -e "$c" ] || date -d "$(openssl x509 -noout -enddate -in "$c" | cut -d= -f2)" +'certificate %s' ;; esac
done
date +'now %s'`

const DATES = `${CERTIFICATES}
for s in server/db/snapshots/*; do [ ! -e "$s" ] || stat -c 'snapshot %Y' -- "$s"; done`

export async function serverHealth(): Promise<ServerHealth> {
  const [state, dates] = await Promise.all([stateHere(), peek`sh -c ${DATES}`])
  const base = {
    state,
    ...parseDates(dates.stdout),
    sickPods: [],
    pods: 0,
    sickVolumes: [],
    volumes: undefined,
    cordoned: [],
  }
  if (!state.healthy) return base
  const [pods, nodes, longhorn] = await Promise.all([
    peek`timeout 10 k3s kubectl get pods -A -o json`,
    peek`timeout 10 k3s kubectl get nodes -o json`,
    peek`timeout 10 k3s kubectl -n longhorn-system get volumes.longhorn.io -o json`,
  ])
  return {
    ...base,
    ...parsePods(pods.stdout),
    cordoned: parseCordoned(nodes.stdout),
    ...(longhorn.ok ? parseVolumes(longhorn.stdout) : {}),
  }
}

/** Lines `certificate SECONDS`, `snapshot SECONDS`, `now SECONDS`. */
export function parseDates(text: string): Pick<ServerHealth, 'certificateDays' | 'snapshotHours'> {
  const all = (key: string): number[] =>
    [...text.matchAll(new RegExp(`^${key} (\\d+)$`, 'gm'))].map(m => Number(m[1]))
  const [now] = all('now')
  const [ends, made] = [all('certificate'), all('snapshot')]
  if (now === undefined) return { certificateDays: undefined, snapshotHours: undefined }
  return {
    certificateDays: ends.length > 0 ? Math.floor((Math.min(...ends) - now) / 86_400) : undefined,
    snapshotHours: made.length > 0 ? Math.max(0, (now - Math.max(...made)) / 3600) : undefined,
  }
}

interface RawPod {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly containerStatuses?: readonly {
      readonly ready?: boolean
      readonly state?: { readonly waiting?: { readonly reason?: string } }
    }[]
  }
}

const items = (json: string): readonly unknown[] => {
  try {
    return (JSON.parse(json) as { items?: readonly unknown[] }).items ?? []
  } catch {
    return []
  }
}

/** Pods that wait, fail or are not ready, with the reason that kubectl shows. */
export function parsePods(json: string): Pick<ServerHealth, 'sickPods' | 'pods'> {
  const pods = items(json) as readonly RawPod[]
  const sick = pods.flatMap(({ metadata, spec, status }) => {
    const waiting = status?.containerStatuses?.find(c => c.state?.waiting?.reason)?.state?.waiting
      ?.reason
    const phase = status?.phase ?? 'Unknown'
    const fine = phase === 'Succeeded' || (phase === 'Running' && waiting === undefined)
    if (fine || waiting === 'ContainerCreating') return []
    return [
      `${metadata.namespace}/${metadata.name}: ${waiting ?? phase}${spec?.nodeName ? ` on ${spec.nodeName}` : ''}`,
    ]
  })
  return { sickPods: sick, pods: pods.length }
}

interface RawNode {
  readonly metadata: { readonly name: string }
  readonly spec?: { readonly unschedulable?: boolean }
}

export const parseCordoned = (json: string): string[] =>
  (items(json) as readonly RawNode[]).filter(n => n.spec?.unschedulable).map(n => n.metadata.name)

interface RawVolume {
  readonly metadata: { readonly name: string }
  readonly status?: {
    readonly state?: string
    readonly robustness?: string
    readonly kubernetesStatus?: { readonly namespace?: string; readonly pvcName?: string }
  }
}

/** A volume that is faulted, or attached with fewer copies than it shall have. */
export function parseVolumes(json: string): Pick<ServerHealth, 'sickVolumes' | 'volumes'> {
  const volumes = items(json) as readonly RawVolume[]
  const sick = volumes.flatMap(({ metadata, status = {} }) => {
    const { state, robustness = 'unknown', kubernetesStatus: claim } = status
    if (robustness === 'healthy' || (state === 'detached' && robustness !== 'faulted')) return []
    return [
      `${metadata.name}${claim?.pvcName ? ` (${claim.namespace ?? ''}/${claim.pvcName})` : ''}: ${robustness}`,
    ]
  })
  return { sickVolumes: sick, volumes: volumes.length }
}
