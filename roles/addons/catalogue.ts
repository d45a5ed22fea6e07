import type { AddOn } from './add-on.ts'
import argocd from './catalogue/argocd.ts'
import dashboard from './catalogue/dashboard.ts'
import jenkins from './catalogue/jenkins.ts'
import kafka from './catalogue/kafka.ts'
import logging from './catalogue/logging.ts'
import monitoring from './catalogue/monitoring.ts'
import redis from './catalogue/redis.ts'
import sealedSecrets from './catalogue/sealed-secrets.ts'
import type { Cluster, Name, Options, Vars } from './vars.ts'

/** All add-ons by their names in the inventory, in the order in which they are applied. */
export const CATALOGUE: Readonly<Record<Name, AddOn>> = {
  sealed_secrets: sealedSecrets,
  monitoring,
  logging,
  redis,
  kafka,
  argocd,
  jenkins,
  dashboard,
}

/** What the variables say of the cluster. */
export const clusterOf = (
  { k3s_cluster_domain, k3s_version }: Omit<Vars, 'addons'>,
  domain: string,
): Cluster => ({ clusterDomain: k3s_cluster_domain, k3s: k3s_version, domain })

/** Every add-on with its options in the inventory; undefined: the inventory does not name it. */
export const entries = (
  addons: Vars['addons'],
  cluster: Cluster,
): readonly (readonly [AddOn, Options | undefined])[] =>
  Object.values(CATALOGUE).map(entry => {
    const options = addons[entry.name]
    return [entry, options && { ...options, ...cluster }] as const
  })

/** The add-ons that the inventory declares as present. */
export const wanted = (addons: Vars['addons']): readonly AddOn[] =>
  entries(addons, {}).flatMap(([entry, options]) => (options?.state === 'present' ? [entry] : []))
