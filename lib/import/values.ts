import type { RawValue } from '../inventory/raw.ts'
import { SecretRef } from '../inventory/secret-ref.ts'
import { Unsafe, Vaulted, type AnsibleInventory, type Variable } from './model.ts'

/** A value as fmc's inventory holds it; undefined: it cannot be carried over. */
type Carried = RawValue | undefined

const VAR_NAME = /^[a-z_][a-z0-9_]*$/
const SECRET_NAME =
  /(^|_)(password|passwd|pass|passphrase|token|secret|credentials?|(api|private|access|secret|encryption|certificate)_?key)$/i
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY/

export const TEMPLATE_REASON = 'a Jinja expression, which fmc does not evaluate: write its result'
const NUL_REASON = 'a text with a NUL character, which no command and no file name can hold'
export const isTemplate = (value: unknown): boolean =>
  typeof value === 'string' && /\{\{|\{%|\{#/.test(value)

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
    const why = reasonAgainst(name, variable.value)
    if (why !== undefined) this.#inventory.remark(variable, name, why)
    const carried =
      why === undefined ? this.#value(variable.value ?? null, name, variable, owner) : undefined
    this.#known.set(variable, carried)
    return carried
  }

  #value(value: unknown, name: string, variable: Variable, owner: string): RawValue {
    if (value instanceof Vaulted) return this.#secret(value.text, name, variable, owner, 'vaulted')
    const text = value instanceof Unsafe ? value.text : value
    if (isSecret(name, text))
      return this.#secret(String(text), name, variable, owner, 'a secret in plain text')
    const inside = (item: unknown, key: string | number): RawValue =>
      this.#value(item, `${name}_${key}`, variable, owner)
    if (Array.isArray(text)) return text.map(inside)
    if (typeof text === 'object' && text !== null)
      return Object.fromEntries(Object.entries(text).map(([k, item]) => [k, inside(item, k)]))
    return text as RawValue
  }

  #secret(text: string, path: string, variable: Variable, owner: string, what: string): SecretRef {
    const [wanted, longer] = [path, `${owner}_${path}`].map(t => t.replace(/[^\w.-]/g, '_')) as [
      string,
      string,
    ]
    const free = [wanted, longer].find(name => (this.#secrets.get(name) ?? text) === text)
    const name = free ?? `${longer}_${this.#secrets.size}`
    this.#secrets.set(name, text)
    this.#inventory.remark(
      variable,
      path,
      `${what}, became !secret ${name}: fmc secrets set ${name}`,
    )
    return new SecretRef(name, variable.file, variable.line, 1)
  }
}

const isSecret = (name: string, value: unknown): value is string | number =>
  (typeof value === 'string' &&
    value !== '' &&
    (SECRET_NAME.test(name) || PRIVATE_KEY.test(value))) ||
  (typeof value === 'number' && SECRET_NAME.test(name))

function reasonAgainst(name: string, value: unknown): string | undefined {
  if (!VAR_NAME.test(name)) return 'fmc names variables with a-z, 0-9 and _'
  return reasonIn(value)
}

function reasonIn(value: unknown): string | undefined {
  if (typeof value === 'string')
    return value.includes('\0') ? NUL_REASON : isTemplate(value) ? TEMPLATE_REASON : undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'not a finite number'
  if (Array.isArray(value)) return value.map(reasonIn).find(why => why !== undefined)
  if (value instanceof Unsafe) return value.text.includes('\0') ? NUL_REASON : undefined
  if (value instanceof Vaulted) return undefined
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.getPrototypeOf(value) !== Object.prototype) return 'neither text, number, list nor map'
  return Object.entries(value)
    .flat()
    .map(reasonIn)
    .find(why => why !== undefined)
}
