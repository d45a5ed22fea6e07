import { Secret, TaskError, yaml } from '../../lib/index.ts'
import { readAccess } from './access.ts'

interface Named {
  readonly name: string
}

/**
 * A kubeconfig with the access that a server's admin file gives, and nothing else of that file: address and names are
 * ours. Throws TaskError for a file that says more.
 */
export async function pointedTo(k3sYaml: Secret, server: string, name: string): Promise<Secret> {
  const { authority, certificate, key } = await readAccess(k3sYaml)
  const { stringify } = await yaml()
  const user = { 'client-certificate-data': certificate, 'client-key-data': key }
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { 'certificate-authority-data': authority, server } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  })
  return new Secret(text, k3sYaml.name)
}

const LISTS = ['clusters', 'users', 'contexts'] as const

/**
 * The user's file with our entries added or renewed, each as a whole; everything else stays, comments too. Throws
 * TaskError when an entry of our name points somewhere else: that is somebody else's.
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
  const itemsOf = (key: string): readonly (Partial<Named> | null)[] => {
    const list = doc.get(key) ?? null
    if (list === null) return []
    if (!isSeq(list)) throw new TaskError(`${file} is not a kubeconfig: ${key} is no list`)
    return list.toJS(doc) as readonly (Partial<Named> | null)[]
  }
  const mine = parse(ours.reveal()) as Record<(typeof LISTS)[number], readonly [Named]>
  return plainly(file, () => {
    const renews = itemsOf('clusters').some(c => c?.name === mine.clusters[0].name)
    for (const key of LISTS) {
      const [entry] = mine[key]
      const items = itemsOf(key)
      const [first, ...more] = items.flatMap((item, i) => (item?.name === entry.name ? [i] : []))
      for (const i of first === undefined ? [] : [first, ...more])
        if (key === 'clusters') mustBeOurs(file, items[i], entry)
        else if (!renews) mustBeSame(file, key, items[i], entry)
      if (items.length === 0) doc.set(key, doc.createNode([]))
      if (first === undefined || JSON.stringify(items[first]) !== JSON.stringify(entry))
        doc.setIn([key, first ?? items.length], doc.createNode(entry))
      // kubectl refuses a file that has a name twice, or takes the one that is not ours.
      for (const i of more.toReversed()) doc.deleteIn([key, i])
    }
    return new Secret(doc.toString({ lineWidth: 0 }), file)
  })
}

/** What the YAML library itself throws (aliases that lead nowhere, or everywhere) is about the file. */
function plainly<T>(file: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof TaskError) throw error
    throw new TaskError(`${file} cannot be merged into: its anchors and aliases make no sense`)
  }
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
