import { Secret, TaskError, yaml } from '../../lib/index.ts'
import { readAccess } from './access.ts'

interface Named {
  readonly name: string
}

/**
 * A kubeconfig with the access of a server's admin file, at this address and under this name. Throws TaskError, as
 * `readAccess` does, for a file with other fields.
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
 * The user's file with our cluster, user and context added, or replaced as a whole. Everything else stays, also
 * comments. Throws TaskError when an entry of our name belongs to another cluster, or the file is not a kubeconfig.
 */
export async function mergedInto(
  file: string,
  now: string | undefined,
  ours: Secret,
): Promise<Secret> {
  if (now === undefined || now.trim() === '') return ours
  const { parseDocument, parse, isMap, isSeq } = await yaml()
  const doc = parseDocument(now, { prettyErrors: false, logLevel: 'error' })
  if (doc.errors.length > 0 || !isMap(doc.contents))
    throw new TaskError(`${file} is not a kubeconfig`)
  const itemsOf = (key: string): readonly (Partial<Named> | null)[] => {
    const list = doc.get(key) ?? null
    if (list === null) return []
    if (!isSeq(list)) throw new TaskError(`${file} is not a kubeconfig: ${key} is not a list`)
    return list.toJS(doc) as readonly (Partial<Named> | null)[]
  }
  const mine = parse(ours.reveal()) as Record<(typeof LISTS)[number], readonly [Named]>
  return withYamlErrors(file, () => {
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
      // With one name twice kubectl refuses the file, or uses the entry that is not ours.
      for (const i of more.toReversed()) doc.deleteIn([key, i])
    }
    return new Secret(doc.toString({ lineWidth: 0 }), file)
  })
}

/** Turns errors of the YAML library (aliases without a target, or with too many) into a TaskError about the file. */
function withYamlErrors<T>(file: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof TaskError) throw error
    throw new TaskError(`cannot merge into ${file}: its anchors and aliases make no sense`)
  }
}

const ANOTHER = 'choose another name: -e kubeconfig_context=NAME, or remove that entry'

const serverOf = (entry: unknown): unknown =>
  (entry as { cluster?: { server?: unknown } } | undefined)?.cluster?.server

function mustBeOurs(file: string, there: unknown, ours: Named): void {
  if (serverOf(there) === serverOf(ours)) return
  throw new TaskError(`${file} already has a cluster ${ours.name}, at ${String(serverOf(there))}`, {
    hint: ANOTHER,
  })
}

/** In a file without our cluster, a user or context of our name belongs to another cluster. */
function mustBeSame(file: string, key: string, there: unknown, ours: Named): void {
  if (JSON.stringify(there) === JSON.stringify(ours)) return
  throw new TaskError(`${file} already has ${ours.name} among its ${key}, but no such cluster`, {
    hint: ANOTHER,
  })
}
