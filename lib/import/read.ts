import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { parseIni } from './ini.ts'
import type { AnsibleInventory, Variables } from './model.ts'
import { parseVars, parseYaml } from './yaml.ts'

const MAX_BYTES = 16 * 1024 * 1024
const YAML = ['.yml', '.yaml', '.json']
const VAULT = '$ANSIBLE_VAULT;'

/**
 * Reads an Ansible inventory and the group_vars and host_vars beside it, found as Ansible finds them. Nothing is
 * decrypted, evaluated or run. Throws a UsageError with file:line for what cannot be read.
 */
export function readAnsible(file: string): AnsibleInventory {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${file} is a directory`, {
      hint: `name the inventory in it: ${inventoriesIn(file).join(', ') || 'there is none'}`,
    })
  const text = readText(file)
  if (text.startsWith('#!'))
    throw new UsageError(`${file} is a program`, {
      hint: `let Ansible run it: ansible-inventory -i ${file} --list --yaml > hosts.yaml`,
    })
  if (text.startsWith(VAULT))
    throw new UsageError(`${file} is encrypted by ansible-vault`, {
      hint: `ansible-vault view ${file} >hosts.ini   # then import that file`,
    })
  const inventory = isYaml(file, text) ? parseYaml(text, file) : parseIni(text, file)
  for (const name of inventory.groups.keys())
    addFiles(inventory, join(dirname(file), 'group_vars', name), inventory.groups.get(name)?.files)
  for (const name of inventory.hosts.keys())
    addFiles(inventory, join(dirname(file), 'host_vars', name), inventory.hosts.get(name)?.files)
  return inventory
}

const inventoriesIn = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true })
    .filter(e => e.isFile() && /^(\.ini|\.ya?ml|\.json|)$/.test(extname(e.name)))
    .map(e => e.name)
    .sort()

/** Decides by the file's name, else by its first line: `[web]` or `web1` is INI, `---` or `all:` is YAML. */
function isYaml(file: string, text: string): boolean {
  if (YAML.includes(extname(file))) return true
  if (extname(file) === '.ini') return false
  const first = /^[^\S\n]*(?![#;\s])(.+)$/m.exec(text)?.[1]?.trim() ?? ''
  return first === '---' || /^(\{|[\w.-]+:(\s|$))/.test(first)
}

function addFiles(inventory: AnsibleInventory, path: string, into: Variables | undefined): void {
  for (const file of varsFiles(path)) {
    const text = readText(file)
    if (text.startsWith(VAULT))
      inventory.remark(
        { file, line: 1 },
        basename(path),
        'the whole file is encrypted: ansible-vault view shows its variables; set them with fmc secrets set',
      )
    else for (const [name, variable] of parseVars(text, file)) into?.set(name, variable)
  }
}

/** A directory or file of that name, else with .yml, .yaml or .json (Ansible's loader.find_vars_files). */
function varsFiles(path: string): string[] {
  const found = ['', ...YAML].map(ext => path + ext).find(p => existsSync(p))
  if (found === undefined) return []
  return statSync(found).isDirectory() ? filesIn(found) : [found]
}

const filesIn = (dir: string): string[] =>
  readdirSync(dir)
    .sort()
    .filter(name => !name.startsWith('.') && !name.endsWith('~'))
    .flatMap(name => {
      const path = join(dir, name)
      const ext = extname(name)
      if (statSync(path).isDirectory()) return ext === '' ? filesIn(path) : []
      return ext === '' || YAML.includes(ext) ? [path] : []
    })

function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${code ?? ''}`,
    )
  }
  if (bytes.length > MAX_BYTES)
    throw new UsageError(`${file} is larger than ${MAX_BYTES / 1024 / 1024} MB`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(`${file} is not UTF-8`, { hint: 'save it as UTF-8' })
  }
}
