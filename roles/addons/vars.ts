import { Secret, z } from '../../lib/index.ts'
import { clusterDomain, commonVars } from '../shared/k3s/vars.ts'
import { WORKERS } from '../shared/k3s/workers.ts'

const hasSecret = (value: unknown): boolean =>
  value instanceof Secret ||
  (typeof value === 'object' && value !== null && Object.values(value).some(hasSecret))

const values: z.ZodType<Record<string, unknown>> = z
  .record(z.string(), z.unknown())
  .refine(
    given => !hasSecret(given),
    'values cannot contain a secret: fmc shows them, and the cluster stores them in clear text',
  )
  .describe('Values for its chart, laid over those of the catalogue')

const common = {
  state: z
    .enum(['present', 'absent'])
    .default('present')
    .describe('absent: uninstalled; its volumes and its namespace stay'),
  version: z.string().min(1).optional().describe('Version of its chart, instead of the pinned one'),
  values: values.optional(),
}
const addOn = z.strictObject(common).describe('See README.md of the role')
const withPage = z.strictObject({
  ...common,
  host: z
    .string()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'expected a host name such as grafana.cloud.internal')
    .optional()
    .describe('Name under which Traefik serves its page; default: Traefik does not serve it'),
})

export const vars = z.object({
  k3s_cluster_domain: clusterDomain,
  k3s_version: commonVars.k3s_version,
  addons: z
    .strictObject({
      monitoring: withPage.optional(),
      logging: withPage.optional(),
      redis: z
        .strictObject({
          ...common,
          password: z.instanceof(Secret).describe('Password of the user default: !secret name'),
        })
        .optional(),
      kafka: addOn.optional(),
      argocd: withPage.optional(),
      jenkins: withPage.optional(),
      sealed_secrets: z
        .strictObject({
          ...common,
          key: z
            .instanceof(Secret)
            .describe('Private key and certificate (PEM, one after the other): !secret name'),
        })
        .optional(),
      dashboard: withPage.optional(),
    })
    .default({})
    .describe('What else runs in the cluster; default: nothing'),
  addons_nodes: z
    .string()
    .min(1)
    .default(WORKERS)
    .describe('Pattern of the hosts that run add-ons; `fmc lint` warns when they are too small'),
})

export type Vars = z.output<typeof vars>
export type Name = keyof Vars['addons']
/** What an add-on's values depend on beside its own options. */
export interface Cluster {
  /** DNS domain of the services, if the inventory has another than Kubernetes' own. */
  readonly clusterDomain?: string | undefined
  /** Release of K3s; undefined: a new one. */
  readonly k3s?: string | undefined
  /** The inventory's domain. */
  readonly domain?: string | undefined
}

/** Options of one add-on in the inventory. */
export type Options = NonNullable<Vars['addons'][Name]> &
  Cluster & {
    readonly host?: string | undefined
    readonly password?: Secret | undefined
    readonly key?: Secret | undefined
  }
