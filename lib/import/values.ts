import type { RawValue } from '../inventory/raw.ts'
import { SecretRef } from '../inventory/secret-ref.ts'
import { Kept, Unfit, Unsafe, Vaulted, type AnsibleInventory, type Variable } from './model.ts'
import { isPath, isPlainKey, isPublic, isSecretName, isSecretValue } from './secret-names.ts'

/** A value as fmc's inventory holds it; undefined: it cannot be carried over. */
type Carried = RawValue | undefined

const VAR_NAME = /^[a-z_][a-z0-9_]*$/

export const TEMPLATE_REASON = 'a Jinja expression, which fmc does not evaluate: write its result'
const NUL_REASON = 'a text with a NUL character, which no command and no file name can hold'
export const isTemplate = (value: unknown): boolean =>
  typeof value === 'string' && /\{\{|\{%|\{#/.test(value)

/** Where a value stands: what its secrets are called, and whose they are. */
interface At {
  /** Such as users[0].password, for remarks. */
  readonly path: string
  /** Such as users_0_password, for the name of a secret. */
  readonly name: string
  /** The last key. */
  readonly key: string
  /** Everything in here is secret, such as in `passwords: {root: x}`. */
  readonly inSecret: boolean
  readonly variable: Variable
  readonly owner: string
}

const isSecret = ({ key, inSecret }: At): boolean =>
  isSecretName(key) || (inSecret && !isPlainKey(key))

const hasSecret = (value: unknown): boolean =>
  value instanceof SecretRef ||
  (typeof value === 'object' && value !== null && Object.values(value).some(hasSecret))

/** A note may quote the value that it is about. */
const NOTE_WITHOUT_VALUE =
  'Ansible reads a value here otherwise than it looks, and fmc does not show it, since there is a secret: put the values into quotes'

/** Turns Ansible's values into fmc's. Secrets become `!secret name`; nothing is decrypted or evaluated. */
export class Values {
  readonly #inventory: AnsibleInventory
  readonly #known = new Map<Variable, Carried>()
  readonly #secrets = new Map<string, string>()

  constructor(inventory: AnsibleInventory) {
    this.#inventory = inventory
  }

  /** Names of the secrets that the result refers to, in order of appearance. */
  secretNames(): readonly string[] {
    return [...this.#secrets.keys()]
  }

  /** `owner`, the group or host that has the variable, becomes part of a secret's name where the short name is taken. */
  carry(name: string, variable: Variable, owner: string): Carried {
    if (this.#known.has(variable)) return this.#known.get(variable)
    const { note } = variable
    let carried: Carried
    if (!VAR_NAME.test(name))
      this.#inventory.remark(variable, name, 'fmc names variables with a-z, 0-9 and _')
    else {
      const at = { path: name, name, key: name, inSecret: false, variable, owner }
      carried = this.#value(variable.value ?? null, at)
      if (note !== undefined)
        this.#inventory.remark(variable, name, hasSecret(carried) ? NOTE_WITHOUT_VALUE : note)
    }
    this.#known.set(variable, carried)
    return carried
  }

  #value(value: unknown, at: At): Carried {
    if (value instanceof Vaulted) return this.#secret(value.text, at, 'vaulted')
    if (value instanceof Unfit) return this.#without(at, value.why)
    if (value instanceof Kept) {
      if (isSecret(at)) return this.#secret(value.text, at, 'a secret in plain text')
      this.#inventory.remark(at.variable, at.path, `${value.why}: kept as the text ${value.text}`)
      return value.text
    }
    if (value instanceof Unsafe) return this.#text(value.text, at, false)
    if (typeof value === 'string') return this.#text(value, at, isTemplate(value))
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) return this.#without(at, 'not a finite number')
      return isSecret(at) ? this.#secret(String(value), at, 'a secret in plain text') : value
    }
    if (Array.isArray(value)) return this.#list(value, at)
    if (typeof value === 'object' && value !== null) return this.#map(value, at)
    return value as RawValue
  }

  #text(text: string, at: At, template: boolean): Carried {
    if (text.includes('\0')) return this.#without(at, NUL_REASON)
    const named = isSecret(at)
    if (template && named) return this.#secret(text, at, 'a Jinja expression for a secret')
    if (template) return this.#without(at, TEMPLATE_REASON)
    if (/^ENC\[AES256_GCM,/.test(text)) return this.#secret(text, at, 'encrypted by SOPS')
    const plain = text === '' || isPublic(text) || isPath(at.key, text)
    if ((named && !plain) || isSecretValue(text))
      return this.#secret(text, at, 'a secret in plain text')
    return text
  }

  /** The list without the items that cannot be carried over; undefined when none is left. */
  #list(items: readonly unknown[], at: At): Carried {
    const carried = items.flatMap((item, index) => {
      const value = this.#value(item, inside(at, index, `${at.path}[${index}]`))
      return value === undefined ? [] : [value]
    })
    return items.length > 0 && carried.length === 0 ? undefined : carried
  }

  #map(map: object, at: At): Carried {
    const entries = Object.entries(map)
    const carried = entries.flatMap(([key, item]): [string, RawValue][] => {
      const within = inside(at, key, `${at.path}.${key}`)
      const refused = isTemplate(key) ? TEMPLATE_REASON : FORBIDDEN.get(key)
      const value =
        refused === undefined ? this.#value(item, within) : this.#without(within, refused)
      return value === undefined ? [] : [[key, value]]
    })
    return entries.length > 0 && carried.length === 0 ? undefined : Object.fromEntries(carried)
  }

  #without({ variable, path }: At, why: string): undefined {
    const part = path.endsWith(']')
      ? ': left out of the list'
      : path.includes('.')
        ? ': left out of the map'
        : ''
    this.#inventory.remark(variable, path, `${why}${part}`)
  }

  #secret(text: string, { name: path, path: shown, variable, owner }: At, what: string): SecretRef {
    const [wanted, longer] = [path, `${owner}_${path}`].map(t => t.replace(/[^\w.-]/g, '_')) as [
      string,
      string,
    ]
    const free = [wanted, longer].find(name => (this.#secrets.get(name) ?? text) === text)
    const name = free ?? `${longer}_${this.#secrets.size}`
    this.#secrets.set(name, text)
    this.#inventory.remark(
      variable,
      shown,
      `${what}, became !secret ${name}: fmc secrets set ${name}`,
    )
    return new SecretRef(name, variable.file, variable.line, 1)
  }
}

/** Keys that an inventory of fmc must not have. */
const FORBIDDEN = new Map(
  ['<<', '__proto__'].map(key => [key, `fmc does not allow the key ${key}`]),
)

const inside = (at: At, key: string | number, path: string): At => ({
  ...at,
  path,
  name: `${at.name}_${key}`,
  key: typeof key === 'number' ? at.key : key,
  inSecret: at.inSecret || isSecretName(at.key),
})
