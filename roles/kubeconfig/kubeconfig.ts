import { Secret, TaskError, yaml } from '../../lib/index.ts'

interface Named {
  readonly name: string
}
interface Kubeconfig {
  readonly clusters: readonly (Named & { readonly cluster: Readonly<Record<string, unknown>> })[]
  readonly users: readonly (Named & { readonly user: unknown })[]
}

/** The cluster's own admin file with another server and one name for cluster, user and context. Throws TaskError. */
export async function pointedTo(k3sYaml: Secret, server: string, name: string): Promise<Secret> {
  const { parse, stringify } = await yaml()
  const { clusters, users } = parsed(k3sYaml, parse)
  const [cluster] = clusters
  const [user] = users
  if (!cluster || !user || clusters.length + users.length !== 2)
    throw new TaskError(`${k3sYaml.name} does not hold one cluster and one user`)
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { ...cluster.cluster, server } }],
    users: [{ name, user: user.user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  })
  return new Secret(text, k3sYaml.name)
}

function parsed(file: Secret, parse: (text: string) => unknown): Kubeconfig {
  const wrong = new TaskError(`${file.name} is not a kubeconfig`)
  let found: Partial<Kubeconfig> | null
  try {
    found = parse(file.reveal()) as Partial<Kubeconfig> | null
  } catch {
    throw wrong // a parser's message quotes the text
  }
  if (!Array.isArray(found?.clusters) || !Array.isArray(found.users)) throw wrong
  return found as Kubeconfig
}

const LISTS = ['clusters', 'users', 'contexts'] as const

/**
 * The user's file with our entries added or renewed; everything else stays, comments too. Throws TaskError when an
 * entry of our name points somewhere else: that is somebody else's.
 */
export async function mergedInto(
  file: string,
  now: string | undefined,
  ours: Secret,
): Promise<Secret> {
  if (now === undefined || now.trim() === '') return ours
  const { parseDocument, parse, isMap, isSeq } = await yaml()
  const doc = parseDocument(now, { prettyErrors: false })
  if (doc.errors.length > 0 || !isMap(doc.contents))
    throw new TaskError(`${file} is not a kubeconfig`)
  const mine = parse(ours.reveal()) as Record<(typeof LISTS)[number], readonly Named[]>
  const [cluster] = mine.clusters
  const there = (doc.toJS() as { clusters?: readonly Named[] | null }).clusters ?? []
  const renews = there.some(c => c.name === cluster?.name)
  for (const key of LISTS) {
    if (!isSeq(doc.get(key))) doc.set(key, doc.createNode([]))
    for (const entry of mine[key]) {
      const items = (doc.toJS() as Record<string, readonly Named[]>)[key] ?? []
      const at = items.findIndex(item => item.name === entry.name)
      if (at >= 0 && key === 'clusters') mustBeOurs(file, items[at], entry)
      else if (at >= 0 && !renews) mustBeSame(file, key, items[at], entry)
      if (JSON.stringify(items[at]) !== JSON.stringify(entry))
        doc.setIn([key, at < 0 ? items.length : at], doc.createNode(entry))
    }
  }
  return new Secret(doc.toString({ lineWidth: 0 }), file)
}

const ANOTHER = 'choose another name: -e kubeconfig_context=NAME, or remove that entry'

const serverOf = (entry: unknown): unknown =>
  (entry as { cluster?: { server?: unknown } } | undefined)?.cluster?.server

function mustBeOurs(file: string, there: unknown, ours: Named): void {
  if (serverOf(there) === serverOf(ours)) return
  throw new TaskError(`${file} has a cluster ${ours.name} already, at ${String(serverOf(there))}`, {
    hint: ANOTHER,
  })
}

/** Without the cluster, a user or context of our name is somebody else's. */
function mustBeSame(file: string, key: string, there: unknown, ours: Named): void {
  if (JSON.stringify(there) === JSON.stringify(ours)) return
  throw new TaskError(`${file} has ${ours.name} among its ${key} already, and no such cluster`, {
    hint: ANOTHER,
  })
}
