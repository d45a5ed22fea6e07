import {
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type YAMLMap,
} from 'yaml'
import { UsageError } from '../errors.ts'
import { expandHosts } from './host-pattern.ts'
import { AnsibleInventory, Unsafe, Vaulted, type Place, type Variables } from './model.ts'

/**
 * Reads a YAML inventory as Ansible does (YAML 1.1: `yes` is true; of duplicate keys the last one counts). Throws a
 * UsageError with file:line for what Ansible refuses and for the configuration of an inventory plugin.
 */
export function parseYaml(text: string, file: string): AnsibleInventory {
  const source = new YamlFile(text, file)
  const inventory = new AnsibleInventory(file)
  const top = source.pairs(source.root(), 'groups')
  if (top.some(({ key }) => key === 'plugin'))
    throw new UsageError(`${file}: this configures an inventory plugin and holds no hosts`, {
      hint: `let Ansible write the hosts into a file: ansible-inventory -i ${file} --list --yaml > hosts.yaml`,
    })
  for (const { key, node, line } of top) readGroup(inventory, source, key, node, { file, line })
  return inventory
}

/** The variables of a file of group_vars or host_vars. */
export function parseVars(text: string, file: string): Variables {
  const source = new YamlFile(text, file)
  return source.variables(source.root(), 'variables')
}

function readGroup(
  inventory: AnsibleInventory,
  source: YamlFile,
  name: string,
  node: unknown,
  place: Place,
): void {
  const group = inventory.group(name, place)
  for (const { key, node: section, line } of source.pairs(node, `the group ${name}`)) {
    const here = { ...place, line }
    if (key === 'vars')
      for (const [variable, value] of source.variables(section, `vars of ${name}`))
        group.inline.set(variable, value)
    else if (key === 'hosts') readHosts(inventory, source, name, section, here)
    else if (key === 'children')
      for (const child of source.pairs(section, `children of ${name}`)) {
        group.children.add(child.key)
        readGroup(inventory, source, child.key, child.node, { ...place, line: child.line })
      }
    else inventory.remark(here, key, `a group has hosts, children and vars; Ansible skips this too`)
  }
}

function readHosts(
  inventory: AnsibleInventory,
  source: YamlFile,
  group: string,
  node: unknown,
  { file }: Place,
): void {
  for (const { key, node: vars, line } of source.pairs(node, `hosts of ${group}`)) {
    const place = { file, line }
    const { names, port } = source.hosts(key, line)
    const own = source.variables(vars, key)
    if (port !== undefined && !own.has('ansible_port'))
      own.set('ansible_port', { ...place, value: port })
    inventory.add(group, names, place, own)
  }
}

interface Pair {
  readonly key: string
  readonly node: unknown
  readonly line: number
}

const TAGS = [
  { tag: '!vault', resolve: (text: string) => new Vaulted(text) },
  { tag: '!vault-encrypted', resolve: (text: string) => new Vaulted(text) },
  { tag: '!unsafe', resolve: (text: string) => new Unsafe(text) },
]

const PY_TEXT = /^([yn]|[+-]?\d+e[+-]?\d+|[+-]?[\d.]+e\d+)$/i

class YamlFile {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #document: Document

  constructor(text: string, file: string) {
    this.#file = file
    this.#document = parseDocument(text, {
      version: '1.1',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter: this.#lines,
      customTags: TAGS,
    })
    const [error] = this.#document.errors
    if (error !== undefined) throw this.#wrong(error.pos[0], `bad YAML: ${error.code}`)
    visit(this.#document, {
      // To PyYAML y, n and 1e3 are text, and a date stays the text that was written.
      Scalar: (_, scalar) => {
        if (scalar.value instanceof Date || PY_TEXT.test(scalar.source ?? ''))
          scalar.value = scalar.source
      },
    })
  }

  root(): unknown {
    return this.#document.contents
  }

  /** The pairs of a map, with those that `<<` merges; a text counts as a map with that one key. Empty for null. */
  pairs(node: unknown, what: string): readonly Pair[] {
    const target = isAlias(node) ? node.resolve(this.#document) : node
    if (target === null || target === undefined) return []
    if (isScalar(target)) {
      if (target.value === null) return []
      if (typeof target.value === 'string')
        return [{ key: target.value, node: null, line: this.#line(target.range?.[0]) }]
    }
    if (isMap(target)) return this.#mapPairs(target, what)
    const offset = (target as { range?: readonly number[] | null }).range?.[0] ?? 0
    throw this.#wrong(offset, `${what}: expected a map`)
  }

  #mapPairs(map: YAMLMap, what: string): readonly Pair[] {
    const found = new Map<string, Pair>()
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : ''
      // The library marks a merge key with a symbol.
      if (isScalar(key) && (name === '<<' || typeof key.value === 'symbol'))
        for (const pair of this.pairs(value, what)) found.set(pair.key, found.get(pair.key) ?? pair)
      else
        found.set(name, {
          key: isScalar(key) && typeof key.value !== 'string' ? (key.source ?? name) : name,
          node: value,
          line: this.#line(isScalar(key) ? key.range?.[0] : 0),
        })
    }
    return [...found.values()]
  }

  variables(node: unknown, what: string): Variables {
    return new Map(
      this.pairs(node, what).map(({ key, node: value, line }) => [
        key,
        { file: this.#file, line, value: this.#plain(value, line) },
      ]),
    )
  }

  hosts(pattern: string, line: number): ReturnType<typeof expandHosts> {
    try {
      return expandHosts(pattern)
    } catch (error) {
      if (error instanceof UsageError)
        throw new UsageError(`${this.#file}:${line}: ${error.message}`)
      throw error
    }
  }

  #plain(node: unknown, line: number): unknown {
    try {
      return (node as { toJS?: (document: Document) => unknown } | null)?.toJS?.(this.#document)
    } catch {
      // The library's message would quote the text.
      throw new UsageError(
        `${this.#file}:${line}: bad YAML: an alias (*) that leads nowhere, or too many aliases`,
        {
          hint: 'put a text that begins with * into quotes',
        },
      )
    }
  }

  #line(offset = 0): number {
    return Math.max(1, this.#lines.linePos(offset).line)
  }

  #wrong(offset: number, message: string): UsageError {
    return new UsageError(`${this.#file}:${this.#line(offset)}: ${message}`)
  }
}
