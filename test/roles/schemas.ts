import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Ajv, type ValidateFunction } from 'ajv'
import { parseAllDocuments } from 'yaml'
import { once } from '../../lib/lab/images/cached.ts'
import { labCache } from '../../lib/lab/paths.ts'
import type { KubernetesObject } from '../../roles/shared/kubernetes/chart.ts'

/** Schemas come with the projects' Go modules, from the module proxy, checked against its checksum database. */
export const MODULES = {
  kubernetes: 'k8s.io/kubernetes@v1.36.3',
  // As K3s v1.36 vendors it.
  helmController: 'github.com/k3s-io/helm-controller@v0.17.7',
  // The newest before `failurePolicy: retry` that the proxy has; K3s v1.36.2 has 0.17.1, with the same fields.
  olderHelmController: 'github.com/k3s-io/helm-controller@v0.17.3',
  elastic: 'github.com/elastic/cloud-on-k8s/v3@v3.5.0',
} as const

const read = (module: string, path: string): string => {
  const json = execFileSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8' })
  return readFileSync(join((JSON.parse(json) as { Dir: string }).Dir, path), 'utf8')
}

interface Schema {
  readonly [key: string]: unknown
}

/** The same schema, in which a field that it does not name is an error and not pruned in silence. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict)
  if (typeof value !== 'object' || value === null) return value
  const schema = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, strict(v)]))
  if (schema['x-kubernetes-int-or-string'] === true || schema['format'] === 'int-or-string')
    return { type: ['integer', 'string'] }
  const open =
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    typeof schema['properties'] !== 'object' ||
    'additionalProperties' in schema
  return open ? schema : { ...schema, additionalProperties: false }
}

const keyOf = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`

interface Gvk {
  readonly group: string
  readonly version: string
  readonly kind: string
}

function ofKubernetes(ajv: Ajv): Map<string, ValidateFunction> {
  const { definitions } = JSON.parse(read(MODULES.kubernetes, 'api/openapi-spec/swagger.json')) as {
    definitions: Record<string, Schema>
  }
  ajv.addSchema({ $id: 'kubernetes', definitions: strict(definitions) as Schema })
  const found = new Map<string, ValidateFunction>()
  const compiled = (name: string) => {
    const validate = ajv.getSchema(`kubernetes#/definitions/${name}`)
    if (!validate) throw new Error(`no schema ${name}`)
    return validate
  }
  for (const [name, schema] of Object.entries(definitions))
    for (const { group, version, kind } of (schema['x-kubernetes-group-version-kind'] ??
      []) as Gvk[])
      if (
        /^(ConfigMap|Job|Namespace|Secret|ServiceAccount|StorageClass|Ingress|ClusterRole|ClusterRoleBinding)$/.test(
          kind,
        )
      )
        found.set(keyOf(group === '' ? version : `${group}/${version}`, kind), compiled(name))
  found.set('ObjectMeta', compiled('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'))
  return found
}

interface Crd {
  readonly kind: string
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly { name: string; schema: { openAPIV3Schema: Schema } }[]
  }
}

const ofCrds = (ajv: Ajv, text: string): [string, ValidateFunction][] =>
  parseAllDocuments(text)
    .map(d => d.toJS() as Crd | null)
    .filter(d => d?.kind === 'CustomResourceDefinition')
    .flatMap(crd =>
      (crd?.spec.versions ?? []).map(({ name, schema }): [string, ValidateFunction] => [
        keyOf(`${crd?.spec.group}/${name}`, crd?.spec.names.kind ?? ''),
        ajv.compile(strict(schema.openAPIV3Schema) as Schema),
      ]),
    )

/**
 * What is wrong with an object; [] when its kind's schema accepts it. An unknown kind is an error.
 *
 * @param helmController - the module with the schemas of HelmChart and HelmChartConfig
 */
export function validator(
  helmController: string = MODULES.helmController,
): (object: KubernetesObject) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  const crds = 'pkg/crds/yaml/generated/helm.cattle.io_'
  const schemas = new Map([
    ...ofKubernetes(ajv),
    ...ofCrds(ajv, read(helmController, `${crds}helmcharts.yaml`)),
    ...ofCrds(ajv, read(helmController, `${crds}helmchartconfigs.yaml`)),
    ...ofCrds(ajv, read(MODULES.elastic, 'config/crds/v1/all-crds.yaml')),
  ])
  const check = (key: string, value: unknown, at: string): string[] => {
    const validate = schemas.get(key)
    if (!validate) return [`there is no schema of ${key}`]
    validate(value)
    return (validate.errors ?? []).map(
      e => `${at}${e.instancePath} ${e.message ?? ''} ${JSON.stringify(e.params)}`,
    )
  }
  return object => {
    const plain = JSON.parse(JSON.stringify(object)) as KubernetesObject
    const metadata = check('ObjectMeta', plain.metadata, 'metadata')
    if (plain.apiVersion === 'kafka.strimzi.io/v1') return [...metadata, ...ofStrimzi(plain)]
    return [...metadata, ...check(keyOf(plain.apiVersion, plain.kind), plain, '')]
  }
}

interface Model {
  new (data: unknown): { validate: () => void }
}

const FILES = ['package.json', 'package-lock.json'] as const

/** Installs the package test/roles/strimzi into the cache, once, as its lock file says; no script of a package runs. */
const strimziModels = async (): Promise<Readonly<Record<string, Model>>> => {
  const from = join(import.meta.dirname, 'strimzi')
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(from, file)))
  const dir = labCache(`strimzi-${hash.digest('hex').slice(0, 12)}`)
  await once(dir, into => {
    for (const file of FILES) copyFileSync(join(from, file), join(into, file))
    // Its message would be that the packages ask for Node 22; what is called here runs on 20.
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['ci', ...quiet], { cwd: into, stdio: ['ignore', 'ignore', 'pipe'] })
    return Promise.resolve()
  })
  const kinds = join(
    dir,
    'node_modules/@kubernetes-models/strimzi-kafka-operator/kafka.strimzi.io/v1',
  )
  const load = async (kind: string): Promise<readonly [string, Model]> => {
    const module = (await import(pathToFileURL(join(kinds, `${kind}.js`)).href)) as {
      [kind: string]: Model
    }
    const model = module[kind]
    if (model === undefined) throw new Error(`no schema of ${kind}`)
    return [kind, model]
  }
  return Object.fromEntries(await Promise.all(['Kafka', 'KafkaNodePool'].map(load)))
}

const STRIMZI = await strimziModels()

/** Generated from Strimzi 1.0's schemas, the newest that the registry has; unknown fields pass. */
function ofStrimzi(object: KubernetesObject): string[] {
  const Kind = STRIMZI[object.kind]
  if (!Kind) return [`there is no schema of ${object.kind}`]
  try {
    new Kind(object).validate()
    return []
  } catch (error) {
    return [String(error)]
  }
}
