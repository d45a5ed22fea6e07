import { UsageError } from '../errors.ts'
import { expandHosts } from './host-pattern.ts'
import { AnsibleInventory, type Variables } from './model.ts'
import { YamlFile, type Pair } from './yaml-file.ts'

/**
 * Reads a YAML inventory as Ansible does (plugins/inventory/yaml.py) into `inventory`. Throws a UsageError with file:line
 * for what Ansible refuses, and a PluginError for the configuration of an inventory plugin.
 */
export function parseYaml(
  text: string,
  file: string,
  inventory = new AnsibleInventory(file),
): AnsibleInventory {
  const source = new YamlFile(text, file)
  const root = source.root()
  source.check()
  if (source.isEmpty(root)) throw new UsageError(`${file}:1: the file is empty`)
  if (!source.isMap(root))
    throw source.wrong(
      0,
      'groups: expected a map. A list is a playbook: fmc imports inventories, not playbooks and roles',
    )
  const top = source.pairs(root, 'groups')
  if (top.some(({ key, node }) => key === 'plugin' && !source.isEmpty(node)))
    throw new PluginError(`${file}: this configures an inventory plugin and holds no hosts`)
  for (const pair of top) new Groups(inventory, source, file).read(pair)
  return inventory
}

/** The file makes Ansible ask another program for the hosts. */
export class PluginError extends UsageError {}

/** The variables of a file of group_vars or host_vars. */
export function parseVars(text: string, file: string): Variables {
  const source = new YamlFile(text, file)
  const root = source.root()
  if (!source.isEmpty(root) && !source.isMap(root))
    throw source.wrong(0, 'variables: expected a map')
  return source.variables(root, 'variables')
}

class Groups {
  readonly #inventory: AnsibleInventory
  readonly #source: YamlFile
  readonly #file: string
  constructor(inventory: AnsibleInventory, source: YamlFile, file: string) {
    this.#inventory = inventory
    this.#source = source
    this.#file = file
  }

  read(pair: Pair): void {
    const { node, line } = pair
    const name = this.#name(pair, 'a group')
    const place = { file: this.#file, line }
    if (!this.#source.isMap(node) && !this.#source.isEmpty(node)) {
      this.#inventory.remark(place, name, 'a group is a map; Ansible skips this too')
      return
    }
    const group = this.#inventory.group(name, place)
    for (const { key, node: section, line: at } of this.#source.pairs(node, `the group ${name}`)) {
      const here = { ...place, line: at }
      if (key === 'vars')
        for (const [variable, value] of this.#source.variables(section, `vars of ${name}`))
          group.inline.set(variable, value)
      else if (key === 'hosts') this.#hosts(name, section)
      else if (key === 'children') this.#children(name, section)
      else
        this.#inventory.remark(
          here,
          key,
          'a group has hosts, children and vars; Ansible skips this too',
        )
    }
  }

  #children(parent: string, node: unknown): void {
    const { groups, hosts } = this.#inventory
    for (const child of this.#source.pairs(node, `children of ${parent}`)) {
      this.read(child)
      if (groups.has(child.key)) groups.get(parent)?.children.add(child.key)
      else if (hosts.has(child.key)) groups.get(parent)?.hosts.add(child.key)
      else
        throw new UsageError(
          `${this.#file}:${child.line}: children of ${parent}: ${child.key} is neither a map nor a known group`,
        )
    }
  }

  #hosts(group: string, node: unknown): void {
    for (const pair of this.#source.pairs(node, `hosts of ${group}`)) {
      const place = { file: this.#file, line: pair.line }
      const { names, port, note } = expandHosts(this.#name(pair, 'a host'), place)
      if (note !== undefined) this.#inventory.remark(place, pair.key, note)
      if (!this.#source.isMap(pair.node) && !this.#source.isEmpty(pair.node))
        throw new UsageError(`${this.#file}:${pair.line}: ${pair.key}: expected a map of variables`)
      this.#inventory.add(group, names, place, this.#source.variables(pair.node, pair.key), port)
    }
  }

  #name({ key, isText, line }: Pair, what: string): string {
    if (isText && key !== '') return key
    throw new UsageError(
      `${this.#file}:${line}: ${what} is named by a text, and YAML reads ${key || 'this'} as something else: put it into quotes`,
    )
  }
}
