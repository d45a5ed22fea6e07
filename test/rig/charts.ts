import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret, type Host, type Vip } from '../../lib/index.ts'
import type { AddOn } from '../../roles/addons/add-on.ts'
import { CATALOGUE } from '../../roles/addons/catalogue.ts'
import type { Options } from '../../roles/addons/vars.ts'
import { longhorn, nfsDriver } from '../../roles/longhorn/templates.ts'
import { vars as longhornVars } from '../../roles/longhorn/vars.ts'
import type { KubernetesObject } from '../../roles/shared/kubernetes/chart.ts'
import { parseKeys, type KeyList } from '../../roles/shared/kubernetes/value-keys.ts'
import { BUNDLED, traefikConfig } from '../../roles/traefik/templates.ts'
import { vars as traefikVars } from '../../roles/traefik/vars.ts'
import { ROOT } from './lab.ts'

/** A chart with values that fmc gives it. */
export interface Filled {
  /** What is special about these values. */
  readonly form: string
  readonly chart: string
  readonly version: string
  readonly release: string
  readonly namespace: string
  /** YAML. */
  readonly values: string
  readonly addOn?: AddOn
  /** The options behind the values, for an add-on. */
  readonly options?: Options
  /** The type of its Service, for Traefik. */
  readonly service?: string
}

const spec = (object: KubernetesObject) => object['spec'] as Readonly<Record<string, string>>

const filled = (form: string, object: KubernetesObject): Filled => {
  const { chart = '', version = '', targetNamespace = '', valuesContent = '' } = spec(object)
  return {
    form,
    chart: chart.replace(/.*\//, ''),
    version,
    release: object.metadata.name,
    namespace: targetNamespace,
    values: valuesContent,
  }
}

const vip = (backendPorts: readonly number[]): Vip =>
  ({ name: 'web', ports: [80, 443], backendPorts, proxyProtocol: true }) as unknown as Vip
const balancers = [{ nics: [{ address: '192.168.0.30' }] }] as unknown as Host[]

const traefik = (how: string, ports: readonly number[], service: string): Filled => {
  const vars = traefikVars.parse({
    traefik_exposure: how,
    traefik_trusted_proxies: ['173.245.48.0/20'],
  })
  return {
    ...filled(how, traefikConfig(vip(ports), balancers, vars)),
    ...{ chart: 'traefik', version: BUNDLED.chart, namespace: 'kube-system', service },
  }
}

const addOn = (entry: AddOn): Filled[] =>
  [{}, { host: 'page.cloud.internal', clusterDomain: 'k8s.lan' }].map((more, i) => {
    const options: Options = { state: 'present', password: new Secret('x'), ...more }
    return {
      ...filled(i === 0 ? 'by default' : 'with everything', entry.chart(options)),
      ...{ addOn: entry, options },
    }
  })

/** Every chart that fmc gives values to, in each form that variables give them. */
export const FILLED: readonly Filled[] = [
  traefik('servicelb', [80, 443], 'LoadBalancer'),
  traefik('nodeport', [30080, 30443], 'NodePort'),
  traefik('hostport', [8080, 8443], 'ClusterIP'),
  filled('by default', longhorn(longhornVars.parse({}))),
  filled('by default', nfsDriver(longhornVars.parse({}))),
  ...Object.values(CATALOGUE).flatMap(addOn),
]

/** Where the list of a chart's keys is. */
export const keyFile = (chart: string): string => join(ROOT, 'files/charts', `${chart}.txt`)

/** The list of a chart's keys. */
export const keysOf = (chart: string): KeyList => parseKeys(readFileSync(keyFile(chart), 'utf8'))

/** A chart in a directory: the package of the pinned version or of the listed one, or the unpacked chart; undefined: it is not there. */
export const chartIn = (dir: string, { chart, version }: Filled): string | undefined =>
  [version, ...(existsSync(keyFile(chart)) ? [keysOf(chart).version] : [])]
    .map(v => join(dir, `${chart}-${v}.tgz`))
    .concat(join(dir, chart))
    .find(existsSync)
