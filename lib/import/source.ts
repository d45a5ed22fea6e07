import { readdirSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { parseIni } from './ini.ts'
import type { AnsibleInventory } from './model.ts'
import { readText, VAULT } from './text-file.ts'
import { parseYaml, PluginError } from './yaml.ts'

/** What Ansible skips in a directory of inventories (inventory/manager.py, INVENTORY_IGNORE_EXTS). */
const IGNORED =
  /^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$/
const YAML = ['', '.yml', '.yaml', '.json']
const DEEPEST = 32

/**
 * Reads an inventory file, or a directory of them, into `inventory`: in a directory in the order of the names, each file that
 * Ansible would read. Throws a UsageError for a file that Ansible refuses (in a directory that is a remark, as Ansible only
 * warns) and for one whose hosts only Ansible can tell: a program, the configuration of a plugin, a vault.
 */
export function readSource(path: string, inventory: AnsibleInventory): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(`there is no file ${path}`)
  if (stat.isDirectory()) readDirectory(path, inventory, 0, path)
  else readFile(path, inventory, path)
}

/** `whole`: what Ansible has to read when it is asked instead: a plugin may build on the files beside its own. */
function readDirectory(
  dir: string,
  inventory: AnsibleInventory,
  depth: number,
  whole: string,
): void {
  if (depth > DEEPEST) throw new UsageError(`${dir}: too many directories inside each other`)
  for (const name of readdirSync(dir)
    .sort()
    .filter(n => !IGNORED.test(n))) {
    const path = join(dir, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory()) readDirectory(path, inventory, depth + 1, whole)
    else
      try {
        readFile(path, inventory, whole)
      } catch (error) {
        if (!(error instanceof UsageError) || error instanceof PluginError) throw error
        const [, line = '1', why = error.message] = error.message.startsWith(`${path}:`)
          ? (/^:(\d+): (.*)$/s.exec(error.message.slice(path.length)) ?? [])
          : []
        inventory.remark(
          { file: path, line: Number(line) },
          name,
          `Ansible skips this file: ${why}`,
        )
      }
  }
}

function readFile(path: string, inventory: AnsibleInventory, whole: string): void {
  const text = readText(path)
  const extension = extname(path)
  if (text.startsWith('#!')) throw onlyAnsible(`${path} is a program`, whole, 'run it')
  if (text.startsWith(VAULT))
    throw new PluginError(`${path} is encrypted by ansible-vault`, {
      hint: `ansible-vault view ${quote(path)} >${beside(path, 'decrypted.ini')}   # then import that file`,
    })
  if (extension === '.toml')
    throw onlyAnsible(`${path} is TOML, which fmc does not read`, whole, 'read it')
  if (!YAML.includes(extension)) {
    parseIni(text, path, inventory)
    return
  }
  const yaml = failure(() => parseYaml(text, path, inventory))
  if (yaml === undefined) return
  if (yaml instanceof PluginError) throw onlyAnsible(yaml.message, whole, 'ask it')
  const ini = failure(() => parseIni(text, path, inventory))
  if (ini !== undefined) throw extension !== '' || looksLikeYaml(text) ? yaml : ini
}

function failure(parse: () => void): UsageError | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
}

/** A name for the output of a command that reads `path`: never the file that the shell would empty before it is read. */
const beside = (path: string, name: string): string =>
  basename(path) === name ? `new-${name}` : name

const onlyAnsible = (what: string, path: string, verb: string): PluginError =>
  new PluginError(what, {
    hint: `let Ansible ${verb}: ansible-inventory -i ${quote(path)} --list --export --yaml >${beside(path, 'from-ansible.yaml')}   # then import that file`,
  })

/** By its first line: `[web]` or `web1` is INI, `---` or `all:` is YAML. */
function looksLikeYaml(text: string): boolean {
  const first = /^[^\S\n]*(?![#;\s])(.+)$/m.exec(text)?.[1]?.trim() ?? ''
  return first === '---' || /^(\{|[\w.-]+:(\s|$))/.test(first)
}
