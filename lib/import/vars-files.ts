import { existsSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs'
import { extname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import type { AnsibleInventory, Variables } from './model.ts'
import { readText, VAULT } from './text-file.ts'
import { parseVars } from './yaml.ts'

const EXTENSIONS = ['.yml', '.yaml', '.json']
const DEEPEST = 16

/** Which of a group's or host's variables the files of a directory become. */
type Layer = 'files' | 'play'

/**
 * Reads group_vars and host_vars of a directory as Ansible does (plugins/vars/host_group_vars.py, DataLoader.find_vars_files),
 * and puts a remark on every file there that Ansible does not read. Nothing is decrypted.
 */
export function readVarsFiles(inventory: AnsibleInventory, dir: string, layer: Layer): void {
  for (const [sub, owners, what] of [
    ['group_vars', inventory.groups, 'group'],
    ['host_vars', inventory.hosts, 'host'],
  ] as const) {
    const path = join(dir, sub)
    const stat = statOf(path)
    if (stat === undefined) continue
    if (!stat.isDirectory()) {
      inventory.remark({ file: path, line: 1 }, sub, 'not a directory; Ansible skips it too')
      continue
    }
    const reader = new Reader(inventory)
    for (const [name, owner] of owners) {
      const found = entryOf(path, name)
      if (found !== undefined) reader.read(found, owner[layer], 0)
    }
    for (const name of readdirSync(path).sort())
      if (!reader.knows(join(path, name))) remarkOnUnread(inventory, path, name, owners, what)
  }
}

/** A directory or file of that name, else with .yml, .yaml or .json. */
const entryOf = (dir: string, name: string): string | undefined =>
  name.includes('/') || name.includes('\0')
    ? undefined
    : ['', ...EXTENSIONS].map(ext => join(dir, name + ext)).find(existsSync)

class Reader {
  readonly #inventory: AnsibleInventory
  readonly #seen = new Set<string>()
  constructor(inventory: AnsibleInventory) {
    this.#inventory = inventory
  }

  knows(path: string): boolean {
    return this.#seen.has(path)
  }

  read(path: string, into: Variables, depth: number): void {
    this.#seen.add(path)
    if (statOf(path)?.isDirectory()) this.#directory(path, into, depth)
    else this.#file(path, into)
  }

  #directory(dir: string, into: Variables, depth: number): void {
    if (depth > DEEPEST) throw new UsageError(`${dir}: too many directories inside each other`)
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name)
      const stat = statOf(path)
      const extension = extname(name)
      const isYaml = extension === '' || EXTENSIONS.includes(extension)
      if (/^\.|~$/.test(name)) continue
      if (stat === undefined) this.#skip(path, 'a symbolic link that leads nowhere')
      else if (stat.isDirectory() ? extension === '' : stat.isFile() && isYaml)
        this.read(path, into, depth + 1)
      else if (!HARMLESS.test(name)) this.#skip(path, 'not a name of a file with variables')
    }
  }

  #skip(path: string, why: string): void {
    this.#inventory.remark({ file: path, line: 1 }, nameOf(path), `${why}; Ansible skips it too`)
  }

  #file(file: string, into: Variables): void {
    const text = readText(file)
    if (text.startsWith(VAULT)) {
      this.#inventory.remark(
        { file, line: 1 },
        nameOf(file),
        `the whole file is encrypted: ansible-vault view ${quote(file)} shows its variables; set them with fmc secrets set`,
      )
      return
    }
    const found = parseVars(text, file)
    if (found.has('sops')) {
      found.delete('sops')
      this.#inventory.remark({ file, line: 1 }, nameOf(file), sops(file))
    }
    for (const [name, variable] of found) into.set(name, variable)
  }
}

/** What lies beside the variables and is none: notes, examples, backups. */
const HARMLESS = /\.(md|txt|rst|example|sample|dist|bak|orig|license)$|^(README|LICENSE)/i

const sops = (file: string): string =>
  `encrypted by SOPS: sops decrypt ${quote(file)} shows its values; set them with fmc secrets set`

function remarkOnUnread(
  inventory: AnsibleInventory,
  dir: string,
  name: string,
  owners: ReadonlyMap<string, unknown>,
  what: string,
): void {
  if (/^\.|~$/.test(name) || HARMLESS.test(name)) return
  const file = join(dir, name)
  const put = (why: string): void => {
    inventory.remark({ file, line: 1 }, name, why)
  }
  const extension = EXTENSIONS.find(ext => name.endsWith(ext)) ?? ''
  const base = name.slice(0, name.length - extension.length)
  if (statOf(file) === undefined) put('a symbolic link that leads nowhere; Ansible skips it too')
  else if (base.endsWith('.sops')) put(`${sops(file)}; Ansible reads it with community.sops only`)
  else if (owners.has(base))
    put(
      `Ansible reads ${nameOf(entryOf(dir, base) ?? '')} instead, and so did fmc: delete one of them`,
    )
  else put(`not imported: the inventory has no ${what} called ${base}`)
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Undefined where nothing is, or a link leads nowhere or in a circle. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Has a directory group_vars or host_vars in it? */
export const hasVarsFiles = (dir: string): boolean =>
  ['group_vars', 'host_vars'].some(sub => statOf(join(dir, sub))?.isDirectory())

/** The real path of a directory, where Ansible looks for its variables; itself where there is none. */
export function realDirectory(dir: string): string {
  try {
    return realpathSync(dir)
  } catch {
    return dir
  }
}
