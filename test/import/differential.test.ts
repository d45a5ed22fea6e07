/**
 * What fmc makes of an Ansible inventory, compared with what ansible-core 2.19 answered (ansible/record.py, which also makes
 * other and larger sets of answers: FMC_ANSIBLE_ANSWERS). A value must be the same, or a remark must say what became of it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { UsageError } from '../../lib/errors.ts'
import { convert } from '../../lib/import/convert.ts'
import { parseIni } from '../../lib/import/ini.ts'
import { AnsibleInventory, type Remark, type Variable } from '../../lib/import/model.ts'
import { fmcNames } from '../../lib/import/names.ts'
import { floatText } from '../../lib/import/numbers.ts'
import { readAnsible } from '../../lib/import/read.ts'
import { inventoryYaml } from '../../lib/import/write.ts'
import { parseVars } from '../../lib/import/yaml.ts'
import type { RawInventory } from '../../lib/inventory/raw.ts'
import { resolveInventory } from '../../lib/inventory/resolve.ts'
import { parseSource } from '../../lib/inventory/source.ts'
import { Secret } from '../../lib/secrets/secret.ts'

type Answer = null | boolean | string | readonly [string, unknown?]
interface Tree {
  readonly files: Readonly<Record<string, string>>
  readonly inventory: string
  readonly play: string | null
  readonly answer:
    | readonly ['error']
    | {
        readonly hosts: Readonly<Record<string, readonly ['m', Readonly<Record<string, Answer>>]>>
        readonly groups: Readonly<
          Record<string, { readonly hosts?: string[]; readonly children?: string[] }>
        >
      }
}
interface Answers {
  readonly ansible: string
  readonly yaml: readonly (readonly [document: string, answer: Answer])[]
  readonly ini: readonly (readonly [document: string, answer: Answer])[]
  readonly trees: readonly Tree[]
}

const file =
  process.env['FMC_ANSIBLE_ANSWERS'] ?? join(import.meta.dirname, 'ansible/answers.json.gz')
const answers = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Answers

/** exact: the same value; text: the same number or time, as text; else what differs. */
function compare(own: unknown, answer: Answer): string {
  if (answer === null || typeof answer !== 'object')
    return own === answer ? 'exact' : 'another value'
  const [kind, value] = answer
  if (kind === 'i' && typeof own === 'number')
    return String(own) === value ? 'exact' : 'another number'
  if (kind === 'f' && typeof own === 'number')
    return floatText(own) === value && String(own) === value ? 'exact' : 'another float'
  if (kind === 'd' && own === value && !String(value).includes('T')) return 'exact'
  if (['i', 'f', 'd'].includes(kind)) return own === value ? 'text' : 'another number'
  const pairs: [unknown, Answer][] = []
  if (kind === 'l') {
    const items = value as Answer[]
    if (!Array.isArray(own) || own.length !== items.length) return 'another list'
    items.forEach((item, i) => pairs.push([own[i], item]))
  } else if (kind === 'm') {
    const map = value as Record<string, Answer>
    if (typeof own !== 'object' || own === null || Array.isArray(own)) return 'no map'
    if (Object.keys(own).sort().join('\0') !== Object.keys(map).sort().join('\0'))
      return 'other keys'
    for (const key of Object.keys(map))
      pairs.push([(own as Record<string, unknown>)[key], map[key] ?? null])
  } else return kind
  const parts = pairs.map(([mine, item]) => compare(mine, item))
  return (
    parts.find(p => p !== 'exact' && p !== 'text') ?? (parts.includes('text') ? 'text' : 'exact')
  )
}

/** What is written and read again, with its secrets. */
function written(raw: RawInventory): RawInventory {
  const { data, problems } = parseSource(inventoryYaml(raw, 'test'), 'inventory.yaml')
  if (problems.length > 0) throw new Error(problems.map(p => p.message).join('\n'))
  return data as unknown as RawInventory
}

/** Remarks that explain why a value is another one than Ansible's. */
const EXPLAINS =
  /Jinja|became !secret|not a finite|bytes \(|a (set|omap|pairs)\b|merged maps|reads the key|NUL|does not allow the key|only Python knows/

/** YAML that libyaml reads and fmc refuses, with a message that says what to write. */
const REFUSED =
  /only YAML 1\.1 takes for a line end|PyYAML takes the \?|BLOCK_IN_FLOW|MULTILINE_IMPLICIT_KEY|MISSING_CHAR|not a whole number/

const plain = (value: unknown): unknown => (value instanceof Secret ? 'a secret' : value)

const counts = new Map<string, number>()
const count = (what: string): void => {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

/** Compares documents with one variable `v`; gives the silent differences. */
function scalars(
  kind: string,
  documents: Answers['yaml'],
  read: (document: string) => Variable | undefined,
): string[] {
  const silent: string[] = []
  for (let from = 0; from < documents.length; from += 500) {
    const batch = documents.slice(from, from + 500)
    const inventory = new AnsibleInventory('all')
    const variables = new Map<string, Variable>()
    for (const [at, [document, answer]] of batch.entries()) {
      const isError = Array.isArray(answer) && answer[0] === 'error'
      try {
        const variable = read(document)
        if (isError) count(`${kind}: read where Ansible refuses`)
        else if (variable === undefined) silent.push(`${JSON.stringify(document)}: no variable`)
        else variables.set(`v${at}`, { ...variable, file: 'v', line: at + 1 })
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        count(`${kind}: ${isError ? 'refused by both' : 'refused where Ansible reads'}`)
        if (!isError && !REFUSED.test(error.message))
          silent.push(`${JSON.stringify(document)}: refused (${error.message})`)
      }
    }
    inventory.add('all', ['h'], { file: 'all', line: 1 }, variables)
    const { raw, remarks } = convert(inventory, { os: 'debian 12', from: 'plain' })
    const vars = written(raw).hosts['h']?.vars ?? {}
    for (const name of variables.keys()) {
      const at = Number(name.slice(1))
      const [document, answer] = batch[at] ?? ['', null]
      const why = remarks.filter(r => r.file === 'v' && r.line === at + 1).map(r => r.why)
      const result = compare(vars[name], answer)
      if (result === 'exact') count(`${kind}: exact`)
      else if (result === 'text' && why.some(w => w.includes('kept as the text')))
        count(`${kind}: kept as text, reported`)
      else if (why.some(w => EXPLAINS.test(w))) count(`${kind}: left out or replaced, reported`)
      else
        silent.push(
          `${JSON.stringify(document)}: ${JSON.stringify(vars[name])} is not ${JSON.stringify(answer)} (${result}; ${why.join('; ') || 'no remark'})`,
        )
    }
  }
  return silent
}

void t.test('scalars of YAML', t => {
  const silent = scalars('YAML', answers.yaml, document => parseVars(document, 'v').get('v'))
  t.same(
    silent.slice(0, 40),
    [],
    `${silent.length} of ${answers.yaml.length} differ without a remark`,
  )
  t.end()
})

void t.test('values of INI', t => {
  const silent = scalars('INI', answers.ini, document => {
    const { hosts, groups } = parseIni(document, 'v')
    return hosts.get('h')?.inline.get('v') ?? groups.get('g')?.inline.get('v')
  })
  t.same(
    silent.slice(0, 40),
    [],
    `${silent.length} of ${answers.ini.length} differ without a remark`,
  )
  t.end()
})

void t.test('inventories', t => {
  const dir = t.testdir({})
  const silent = answers.trees.flatMap((tree, n) => {
    const root = join(dir, String(n))
    for (const [name, text] of Object.entries(tree.files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    if (tree.play !== null) mkdirSync(join(root, tree.play), { recursive: true })
    return differences(tree, root).map(what => `tree ${n}: ${what}`)
  })
  t.same(silent.slice(0, 40), [], `${silent.length} differences without a remark`)
  t.end()
})

function differences({ inventory, play, answer }: Tree, root: string): string[] {
  let read: AnsibleInventory
  try {
    read = readAnsible(join(root, inventory), {
      playbookDir: play === null ? undefined : join(root, play),
      from: 'plain',
    })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const none = !('hosts' in answer) || Object.keys(answer.hosts).length === 0
    count(`trees: ${none ? 'refused by both, or without hosts' : 'refused where Ansible reads'}`)
    return none ? [] : [error.message]
  }
  if (!('hosts' in answer)) {
    count('trees: read where Ansible refuses')
    return []
  }
  const { raw, remarks } = convert(read, { os: 'debian 12', from: 'plain' })
  const names = fmcNames(read, { map: new Map(), reserved: new Set() })
  const own = resolveInventory(written(raw), 'inventory.yaml')
  count('trees: compared')
  const wrong: string[] = []
  const nameOf = (host: string): string => names.hosts.get(host) ?? host
  const theirs = Object.keys(answer.hosts)
  const empty = [...read.hosts.keys()].filter(host => !(host in answer.hosts))
  const known = new Set([...theirs, ...empty].map(nameOf))
  if ([...own.hosts.keys()].sort().join() !== [...known].sort().join())
    wrong.push(`hosts ${[...own.hosts.keys()].join()} instead of ${[...known].join()}`)
  for (const [host, [, vars]] of Object.entries(answer.hosts)) {
    const mine = own.hosts.get(nameOf(host))
    for (const [name, value] of Object.entries(vars)) {
      if (name === 'ansible_port') {
        if (compare(mine?.ssh.port, value) !== 'exact')
          wrong.push(`${host}: port ${String(mine?.ssh.port)}`)
      } else if (!name.startsWith('ansible_')) {
        const result = compare(plain(mine?.vars[name]), value)
        count('values in trees')
        if (result !== 'exact' && !explained(result, name, value, remarks))
          wrong.push(
            `${host}: ${name}: ${JSON.stringify(mine?.vars[name])} is not ${JSON.stringify(value)} (${result})`,
          )
      }
    }
    for (const name of Object.keys(mine?.vars ?? {}))
      if (!(name in vars)) wrong.push(`${host}: ${name} is not Ansible's`)
  }
  const members = (group: string, seen = new Set<string>()): string[] => {
    if (seen.has(group)) return []
    seen.add(group)
    const { hosts = [], children = [] } = answer.groups[group] ?? {}
    return [...hosts, ...children.flatMap(child => members(child, seen))]
  }
  for (const [group, name] of names.groups) {
    const wanted = [...new Set(members(group).map(nameOf))].sort().join()
    const got = [...(own.groups.get(name) ?? [])].sort().join()
    if (got !== wanted) wrong.push(`group ${group}: ${got} instead of ${wanted}`)
  }
  for (const group of Object.keys(answer.groups))
    if (!['all', 'ungrouped'].includes(group) && !names.groups.has(group))
      wrong.push(`no group ${group}`)
  return wrong
}

/** Does a remark say why it is so? Numbers as text, and Jinja, which leaves the value out or another one in its place. */
function explained(
  result: string,
  name: string,
  value: Answer,
  remarks: readonly Remark[],
): boolean {
  const own = remarks.filter(r => r.key.replace(/[.[].*$/, '') === name).map(r => r.why)
  if (result === 'text') return own.some(why => why.includes('kept as the text'))
  return JSON.stringify(value).includes('{{') && own.some(why => /Jinja/.test(why))
}

void t.test('how many', t => {
  t.comment(
    `ansible-core ${answers.ansible}: ${[...counts].map(([what, n]) => `${what} ${n}`).join(', ')}`,
  )
  const exact = (kind: string): number => counts.get(`${kind}: exact`) ?? 0
  t.ok(answers.yaml.length + answers.ini.length >= 10_000, 'scalars')
  t.ok(answers.trees.length >= 200, 'trees')
  t.ok(exact('YAML') > answers.yaml.length / 2 && exact('INI') > answers.ini.length / 2, 'exact')
  t.ok((counts.get('trees: compared') ?? 0) > answers.trees.length * 0.9, 'trees compared')
  t.end()
})
