import { Secret } from '../secrets/secret.ts'
import { SecretRef } from './secret-ref.ts'
import type { Inventory, Vars, VarValue } from './types.ts'

/** The unresolved `!secret` references of all hosts' variables, one per name, sorted by name. */
export function secretRefs(inventory: Inventory): SecretRef[] {
  const found = new Map<string, SecretRef>()
  const visit = (value: VarValue): void => {
    if (value instanceof SecretRef) found.set(value.name, found.get(value.name) ?? value)
    else if (isList(value)) value.forEach(visit)
    else if (isMap(value)) Object.values(value).forEach(visit)
  }
  for (const host of inventory.hosts.values()) visit(host.vars)
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
}

/** One place of the inventory that refers to a secret. */
export interface SecretUse {
  /** The secret's name. */
  readonly name: string
  /** Or the key of a hook, such as hooks.on_failure[0].url. */
  readonly variable: string
  /** file:line of the reference. */
  readonly where: string
  /** The hosts that have the variable from this place, in inventory order; none for a hook. */
  readonly hosts: readonly string[]
}

/** Every `!secret` reference that a host's variables and the hooks have, by the name of the secret, then in inventory order. */
export function secretUses(inventory: Inventory): SecretUse[] {
  const found = new Map<string, SecretUse & { readonly hosts: string[] }>()
  for (const host of inventory.hosts.values())
    for (const [variable, value] of Object.entries(host.vars)) {
      const visit = (part: VarValue): void => {
        if (part instanceof SecretRef) {
          const where = `${part.file}:${part.line}`
          const key = `${part.name}\0${variable}\0${where}`
          const use = found.get(key) ?? { name: part.name, variable, where, hosts: [] }
          if (!use.hosts.includes(host.name)) use.hosts.push(host.name)
          found.set(key, use)
        } else if (isList(part)) part.forEach(visit)
        else if (isMap(part)) Object.values(part).forEach(visit)
      }
      visit(value)
    }
  for (const hook of inventory.hooks)
    for (const [part, value] of Object.entries({ url: hook.url, token: hook.token }))
      if (value instanceof SecretRef) {
        const where = `${value.file}:${value.line}`
        const variable = `${hook.key}.${part}`
        found.set(`${value.name}\0${variable}`, { name: value.name, variable, where, hosts: [] })
      }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
}

/**
 * The same inventory with every `!secret name` replaced by the result of `read`, which is called once per name and may throw.
 * `hosts`: resolve only these hosts, so that a limited run needs no other secrets.
 */
export function resolveSecrets(
  inventory: Inventory,
  read: (ref: SecretRef) => string | Secret,
  hosts?: ReadonlySet<string>,
): Inventory {
  const known = new Map<string, Secret>()
  const lookUp = (ref: SecretRef): Secret => {
    const before = known.get(ref.name)
    if (before !== undefined) return before
    const text = read(ref)
    const found = text instanceof Secret ? text : new Secret(text, ref.name)
    known.set(ref.name, found)
    return found
  }
  const replace = (value: VarValue): VarValue => {
    if (value instanceof SecretRef) return lookUp(value)
    if (isList(value)) return value.map(replace)
    if (isMap(value)) return replaceAll(value)
    return value
  }
  const replaceAll = (vars: Vars): Vars =>
    Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, replace(value)]))
  return {
    ...inventory,
    hosts: new Map(
      [...inventory.hosts].map(([name, host]) => [
        name,
        hosts?.has(name) === false ? host : { ...host, vars: replaceAll(host.vars) },
      ]),
    ),
  }
}

const isList = (value: VarValue): value is readonly VarValue[] => Array.isArray(value)
const isMap = (value: VarValue): value is { readonly [key: string]: VarValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret)
