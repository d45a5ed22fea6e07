import { UsageError } from '../errors.ts'

/** More hosts are a typing error in a range, or an attack. */
const MOST_HOSTS = 100_000

/** Where something stands in an Ansible inventory; lines count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** Something that was not carried over unchanged, and why. */
export interface Remark extends Place {
  readonly key: string
  readonly why: string
}

/** A value encrypted by ansible-vault. `text` is the ciphertext; it is only compared. */
export class Vaulted {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** `!unsafe`: a text whose braces are not a template. */
export class Unsafe {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Plain data as Ansible reads it, before templates; Vaulted and Unsafe may be anywhere in it. */
export interface Variable extends Place {
  readonly value: unknown
}
export type Variables = Map<string, Variable>

interface Layers {
  /** Variables in the inventory file itself. */
  readonly inline: Variables
  /** Variables in group_vars or host_vars, which win over the inline ones. */
  readonly files: Variables
}
export interface Group extends Layers, Place {
  readonly hosts: Set<string>
  readonly children: Set<string>
}
export type Host = Layers & Place

/** An Ansible inventory. The groups `all` and `ungrouped` always exist. */
export class AnsibleInventory {
  readonly groups = new Map<string, Group>()
  readonly hosts = new Map<string, Host>()
  readonly remarks: Remark[] = []

  constructor(file: string) {
    this.group('all', { file, line: 1 })
    this.group('ungrouped', { file, line: 1 })
  }

  group(name: string, { file, line }: Place): Group {
    const known = this.groups.get(name)
    if (known !== undefined) return known
    const group = {
      ...{ file, line, inline: new Map<string, Variable>(), files: new Map<string, Variable>() },
      ...{ hosts: new Set<string>(), children: new Set<string>() },
    }
    this.groups.set(name, group)
    return group
  }

  /** Adds hosts to a group, with variables of their own. UsageError when there are too many. */
  add(group: string, names: readonly string[], place: Place, vars: Variables): void {
    for (const name of names) {
      const host = this.hosts.get(name) ?? { ...place, inline: new Map(), files: new Map() }
      if (this.hosts.size === MOST_HOSTS && !this.hosts.has(name))
        throw new UsageError(`${place.file}:${place.line}: more than 100,000 hosts`)
      this.hosts.set(name, host)
      for (const [key, variable] of vars) host.inline.set(key, variable)
      this.groups.get(group)?.hosts.add(name)
    }
  }

  remark({ file, line }: Place, key: string, why: string): void {
    this.remarks.push({ file, line, key, why })
  }
}
