import { UsageError } from '../errors.ts'
import { expandHosts } from './host-pattern.ts'
import { AnsibleInventory, type Place, type Variables } from './model.ts'
import { splitLines, strip } from './python-text.ts'
import { iniValue } from './python.ts'

// Python's \s and \w know more than ASCII.
const SECTION = /^\[([^:\]\s]+)(?::([\p{L}\p{N}_]+))?\]\s*(?:#.*)?$/u

/**
 * Reads an INI inventory as Ansible does (plugins/inventory/ini.py) into `inventory`: values are Python literals, else text;
 * host lines are split as a shell would. Throws a UsageError with file:line for what Ansible refuses.
 */
export function parseIni(
  text: string,
  file: string,
  inventory = new AnsibleInventory(file),
): AnsibleInventory {
  const undeclared = new Map<string, Place>()
  const declared = new Set(inventory.groups.keys())
  let group = 'ungrouped'
  let kind = 'hosts'
  for (const [index, raw] of splitLines(text).entries()) {
    const line = strip(raw)
    const place = { file, line: index + 1 }
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const section = SECTION.exec(line)
    if (section !== null) {
      ;[, group = '', kind = 'hosts'] = section
      if (!['hosts', 'children', 'vars'].includes(kind))
        throw wrong(place, `[${group}:${kind}]: expected :children or :vars`)
      if (kind !== 'vars') declared.add(group)
      else if (!declared.has(group)) undeclared.set(group, undeclared.get(group) ?? place)
      inventory.group(group, place)
    } else if (line.startsWith('[') && line.endsWith(']'))
      throw wrong(place, 'a section needs a name without blanks: [web], [web:children]')
    else if (kind === 'vars') readVariable(inventory, group, line, place)
    else if (kind === 'children') {
      const name = childName(line, place)
      if (!declared.has(name)) undeclared.set(name, undeclared.get(name) ?? place)
      inventory.groups.get(group)?.children.add(name)
    } else readHosts(inventory, group, line, place)
  }
  for (const [name, place] of undeclared)
    if (!declared.has(name)) throw wrong(place, `there is no group [${name}]`)
  return inventory
}

const wrong = ({ file, line }: Place, message: string): UsageError =>
  new UsageError(`${file}:${line}: ${message}`)

function childName(line: string, place: Place): string {
  const [, name] = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line) ?? []
  if (name === undefined) throw wrong(place, 'expected the name of a group')
  return name
}

function readVariable(inventory: AnsibleInventory, group: string, line: string, place: Place) {
  const [, key, value = ''] = /^([^=]*)=(.*)$/s.exec(line) ?? []
  if (key === undefined) throw wrong(place, 'expected key=value')
  inventory.groups
    .get(group)
    ?.inline.set(strip(key), { ...place, ...iniValue(strip(value), place) })
}

function readHosts(inventory: AnsibleInventory, group: string, line: string, place: Place): void {
  const [pattern = '', ...rest] = shellWords(line, place)
  const { names, port, note } = expandHosts(pattern, place)
  if (note !== undefined) inventory.remark(place, pattern, note)
  const vars: Variables = new Map()
  for (const word of rest) {
    const [, key, value = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? []
    // The word is not repeated: it may be the rest of a password.
    if (key === undefined) throw wrong(place, `expected key=value after ${pattern}`)
    vars.set(key, { ...place, ...iniValue(value, place) })
  }
  inventory.add(group, names, place, vars, port)
}

/** Splits a line into words as Python's shlex does: an unquoted # starts a comment, even within a word. */
export function shellWords(line: string, place: Place): string[] {
  const words: string[] = []
  const piece = /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"|(#.*)|([ \t\r\n]+)|([^ \t\r\n\\'"#]+)/sy
  let word: string | undefined
  while (piece.lastIndex < line.length) {
    const found = piece.exec(line)
    if (found === null) throw wrong(place, 'a quote is not closed')
    const [, escaped, single, double, comment, blank, plain] = found
    if (comment !== undefined) break
    if (blank !== undefined) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else
      word =
        (word ?? '') + (escaped ?? single ?? double?.replace(/\\(["\\])/g, '$1') ?? plain ?? '')
  }
  return word === undefined ? words : [...words, word]
}
