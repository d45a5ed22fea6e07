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

/** A number or time that is carried over as text, and why: JavaScript has no exact counterpart. */
export class Kept {
  readonly text: string
  readonly why: string
  constructor(text: string, why: string) {
    this.text = text
    this.why = why
  }
}

/** A value that an inventory of fmc cannot hold, and why. */
export class Unfit {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/** Plain data as Ansible reads it, before templates; the classes above may be anywhere in it. */
export interface Variable extends Place {
  readonly value: unknown
  /** What the reader of the file should know about the value, such as that 12:30 is 750. */
  readonly note?: string | undefined
}
export type Variables = Map<string, Variable>

interface Layers {
  /** Variables in the inventory file itself. */
  readonly inline: Variables
  /** Variables in group_vars or host_vars beside the inventory, which win over the inline ones. */
  readonly files: Variables
  /** Variables in group_vars or host_vars beside the playbook, which win over both. */
  readonly play: Variables
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

  /** `file` is the place of the groups that always exist. */
  constructor(file: string) {
    this.group('all', { file, line: 1 })
    this.group('ungrouped', { file, line: 1 })
  }

  group(name: string, { file, line }: Place): Group {
    const known = this.groups.get(name)
    if (known !== undefined) return known
    const group = {
      ...{ file, line, ...noVariables() },
      ...{ hosts: new Set<string>(), children: new Set<string>() },
    }
    this.groups.set(name, group)
    return group
  }

  /**
   * Adds hosts to a group, with variables of their own. As in Ansible, a port in the name counts where the host appears
   * first, and the variables of a host that is called like a group go to the group. UsageError when there are too many.
   */
  add(group: string, names: readonly string[], place: Place, vars: Variables, port?: number): void {
    for (const name of names) {
      let host = this.hosts.get(name)
      if (host === undefined) {
        if (this.hosts.size === MOST_HOSTS)
          throw new UsageError(`${place.file}:${place.line}: more than 100,000 hosts`)
        host = { ...place, ...noVariables() }
        this.hosts.set(name, host)
        if (port !== undefined) host.inline.set('ansible_port', { ...place, value: port })
      }
      const owner = this.groups.get(name) ?? host
      for (const [key, variable] of vars) owner.inline.set(key, variable)
      this.groups.get(group)?.hosts.add(name)
    }
  }

  remark({ file, line }: Place, key: string, why: string): void {
    this.remarks.push({ file, line, key, why })
  }
}

const noVariables = (): Layers => ({
  inline: new Map<string, Variable>(),
  files: new Map<string, Variable>(),
  play: new Map<string, Variable>(),
})
