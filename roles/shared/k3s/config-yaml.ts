import { reveal, Secret } from '../../../lib/index.ts'

export type ConfigValue = string | number | boolean | Secret | readonly string[] | undefined

/**
 * K3s's config.yaml: one line per key, sorted, so that the same values always give the same text. Every value is JSON,
 * which is YAML. The whole text is a Secret, because it contains tokens.
 */
export function configYaml(values: Readonly<Record<string, ConfigValue>>): Secret {
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${JSON.stringify(plain(value))}`)
  return new Secret(['# Managed by fmc', ...lines, ''].join('\n'), 'config.yaml')
}

/** registries.yaml: the inventory's text with its secrets revealed, keys in the inventory's order. */
export const registriesYaml = (registries: unknown): Secret =>
  new Secret(`# Managed by fmc\n${JSON.stringify(plain(registries), null, 2)}\n`, 'registries.yaml')

function plain(value: unknown): unknown {
  if (value instanceof Secret) return reveal(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
  return value
}
