import type { AddOn } from './add-on.ts'
import argocd from './catalogue/argocd.ts'
import dashboard from './catalogue/dashboard.ts'
import jenkins from './catalogue/jenkins.ts'
import kafka from './catalogue/kafka.ts'
import logging from './catalogue/logging.ts'
import monitoring from './catalogue/monitoring.ts'
import redis from './catalogue/redis.ts'
import sealedSecrets from './catalogue/sealed-secrets.ts'
import type { Name, Options, Vars } from './vars.ts'

/** Every add-on there is, by its name in the inventory; applied in this order. */
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

/** The catalogue with what the inventory says of each. */
export const entries = (
  addons: Vars['addons'],
): readonly (readonly [AddOn, Options | undefined])[] =>
  Object.values(CATALOGUE).map(entry => [entry, addons[entry.name]] as const)

export const wanted = (addons: Vars['addons']): readonly AddOn[] =>
  entries(addons).flatMap(([entry, options]) => (options?.state === 'present' ? [entry] : []))
