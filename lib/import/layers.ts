import { isDeepStrictEqual } from 'node:util'
import { UsageError } from '../errors.ts'
import { findCycle, groupTree } from '../inventory/groups.ts'
import type { RawInventory, RawSsh, RawValue } from '../inventory/raw.ts'
import { canonical, connection, isConnection } from './connection.ts'
import { Kept, type AnsibleInventory, type Variable, type Variables } from './model.ts'
import type { VariableNames } from './variable-names.ts'
import type { Values } from './values.ts'

/** `ssh` and `vars` of all, a group or a host. */
export interface Block {
  readonly ssh: RawSsh
  readonly vars: Readonly<Record<string, RawValue>>
}

/** The variables that Ansible would give a host: of every name the one that wins. */
export type Winners = ReadonlyMap<string, Variable>

interface Item {
  readonly variable: Variable
  readonly ssh?: RawSsh
  readonly value?: RawValue
}

/**
 * Keeps variables in the group or host where they stood. In Ansible every file of group_vars wins over every group variable
 * in the inventory itself, and those beside the playbook over those beside the inventory. Where fmc's order (all, parents, children, host) would give a host another value
 * than Ansible's, Ansible's value is set for that host.
 */
export class Layers {
  readonly #inventory: AnsibleInventory
  readonly #values: Values
  readonly #names: VariableNames
  readonly #items = new Map<Variable, Item | undefined>()
  readonly #blocks = new Map<object, Map<string, Item>>()
  readonly #moved = new Map<string, Moved>()
  readonly #order: (host: string) => readonly string[]
  readonly #ansibleOrder: (host: string) => readonly string[]

  constructor(inventory: AnsibleInventory, values: Values, names: VariableNames) {
    this.#inventory = inventory
    this.#values = values
    this.#names = names
    const groups = [...inventory.groups.keys()].filter(n => n !== 'all' && n !== 'ungrouped')
    const priority = (name: string): number => priorityOf(inventory.groups.get(name))
    const byRank = groups.toSorted((a, b) => priority(a) - priority(b) || byCodePoints(a, b))
    this.#order = groupOrder(inventory, groups)
    this.#ansibleOrder = groupOrder(inventory, byRank)
  }

  /** The variables that win for a host; sets those for it that fmc's order would lose. Call it for every host before block(). */
  settle(host: string): Winners {
    const winners = this.#winners(host)
    const own = this.#itemsOf(host, this.#inventory.hosts.get(host))
    const given = new Map(
      [...this.#order(host), host].flatMap(name => [
        ...this.#itemsOf(
          name,
          name === host ? this.#inventory.hosts.get(host) : this.#inventory.groups.get(name),
        ),
      ]),
    )
    for (const [name, variable] of winners) {
      const before = given.get(name)
      if (before?.variable === variable) continue
      const item = this.#item(name, variable, host)
      if (item === undefined) {
        if (before !== undefined)
          this.#inventory.remark(
            variable,
            name,
            `until you set it, the value at ${placeOf(before)} applies`,
          )
      } else if (!same(before, item)) {
        own.set(name, item)
        const over = before === undefined ? '' : ` over ${placeOf(before)}`
        const key = `${placeOf({ variable })} ${name}${over}`
        const known = this.#moved.get(key) ?? { variable, name, over, hosts: [] }
        known.hosts.push(host)
        this.#moved.set(key, known)
      }
    }
    return winners
  }

  /** One remark for every variable that settle() has given to hosts. */
  remarkOnMoved(): void {
    for (const { variable, name, over, hosts } of this.#moved.values())
      this.#inventory.remark(
        variable,
        name,
        `wins${over} in Ansible: set for each of ${hosts.join(', ')}`,
      )
  }

  block(name: string, owner: Owner | undefined): Block {
    const items = [...this.#itemsOf(name, owner)]
    return {
      ssh: Object.assign({}, ...items.map(([, item]) => item.ssh ?? {})) as RawSsh,
      vars: Object.fromEntries(
        items.flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])),
      ),
    }
  }

  #winners(host: string): Winners {
    const groups = this.#ansibleOrder(host)
    const inner = groups.length === 1 ? ['ungrouped'] : groups.slice(1)
    const at = (names: readonly string[], which: 'inline' | 'files' | 'play') =>
      names.map(name => this.#inventory.groups.get(name)?.[which])
    const own = this.#inventory.hosts.get(host)
    // VARIABLE_PRECEDENCE, then the host's (vars/manager.py).
    const layers = [
      ...at(['all', ...inner], 'inline'),
      ...[...at(['all'], 'files'), ...at(['all'], 'play')],
      ...[...at(inner, 'files'), ...at(inner, 'play')],
      ...[own?.inline, own?.files, own?.play],
    ]
    return new Map(
      layers.flatMap(vars => [...(vars ?? [])].map(([key, v]) => [this.#name(key, v), v] as const)),
    )
  }

  #itemsOf(name: string, owner: Owner | undefined): Map<string, Item> {
    if (owner === undefined) return new Map()
    const known = this.#blocks.get(owner)
    if (known !== undefined) return known
    const items = new Map<string, Item>()
    for (const [key, variable] of [...owner.inline, ...owner.files, ...owner.play]) {
      const wanted = this.#name(key, variable)
      const item = this.#item(wanted, variable, name)
      if (item === undefined) items.delete(wanted)
      else items.set(wanted, item)
    }
    this.#blocks.set(owner, items)
    return items
  }

  /** Ansible's name of a connection variable, fmc's of any other. */
  #name(key: string, variable: Variable): string {
    const name = canonical(key)
    return isConnection(name, variable.value, this.#names.kubespray)
      ? name
      : this.#names.of(name, variable)
  }

  /** Undefined: it cannot be carried over, as a remark says. */
  #item(name: string, variable: Variable, owner: string): Item | undefined {
    if (this.#items.has(variable)) return this.#items.get(variable)
    const item = this.#read(name, variable, owner)
    this.#items.set(variable, item)
    return item
  }

  #read(name: string, variable: Variable, owner: string): Item | undefined {
    if (!isConnection(name, variable.value, this.#names.kubespray)) {
      const value = this.#values.carry(name, variable, owner)
      return value === undefined ? undefined : { variable, value }
    }
    const result = connection(name, variable.value)
    if ('ssh' in result) return { variable, ssh: result.ssh }
    if ('why' in result) {
      this.#inventory.remark(variable, name, result.why)
      return undefined
    }
    return { variable }
  }
}

function priorityOf(owner: Owner | undefined): number {
  const value = owner?.inline.get('ansible_group_priority')?.value
  const number = Math.trunc(Number(value instanceof Kept ? value.text : (value ?? 1)))
  return Number.isNaN(number) ? 1 : number
}

/** The order of Python, which JavaScript's differs from beyond the first 65,536 characters. */
const byCodePoints = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a), Buffer.from(b))

interface Owner {
  readonly inline: Variables
  readonly files: Variables
  readonly play: Variables
}

interface Moved extends Item {
  readonly name: string
  readonly over: string
  readonly hosts: string[]
}

const placeOf = ({ variable }: Item): string => `${variable.file}:${variable.line}`

const same = (a: Item | undefined, b: Item): boolean =>
  a !== undefined && isDeepStrictEqual([a.ssh, a.value], [b.ssh, b.value])

/** Groups of a host, all first, parents before children, those of one depth in the order of `names`. */
function groupOrder(
  inventory: AnsibleInventory,
  names: readonly string[],
): (host: string) => readonly string[] {
  const raw: RawInventory = {
    ...{ timezone: '', domain: '', networks: {} },
    groups: Object.fromEntries(
      names.map(name => {
        const group = inventory.groups.get(name)
        return [name, { hosts: [...(group?.hosts ?? [])], children: [...(group?.children ?? [])] }]
      }),
    ),
    hosts: Object.fromEntries([...inventory.hosts.keys()].map(name => [name, { os: '' }])),
  }
  const cycle = findCycle(raw.groups ?? {})
  if (cycle !== undefined)
    throw new UsageError(`the group ${cycle[0] ?? ''} contains itself: ${cycle.join(' → ')}`)
  const { groupsOf } = groupTree(raw)
  return host => groupsOf.get(host) ?? ['all']
}
