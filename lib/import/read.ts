import { statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { distrust } from '../trust.ts'
import { AnsibleInventory } from './model.ts'
import { addKubesprayCluster, guessProject, type Project } from './project.ts'
import { readSource } from './source.ts'
import { hasVarsFiles, readVarsFiles, realDirectory } from './vars-files.ts'

export interface ReadOptions {
  /** The directory of the playbook, or the playbook; default: searched. */
  readonly playbookDir?: string | undefined
  /** Whose inventory it is; default: guessed by its groups. */
  readonly from?: Project | undefined
}

/**
 * Reads an Ansible inventory, a file or a directory, with the group_vars and host_vars beside it and beside the playbook, as
 * `ansible-inventory -i FILE --playbook-dir DIR` does. Nothing is decrypted, evaluated or run. Without `playbookDir` the usual
 * places are searched. Throws a UsageError with file:line for what cannot be read, and when there is no host.
 */
export function readAnsible(
  path: string,
  { playbookDir, from }: ReadOptions = {},
): AnsibleInventory {
  const inventory = new AnsibleInventory(path)
  readSource(path, inventory)
  if (inventory.hosts.size === 0)
    throw new UsageError(`${path} has no hosts`, {
      hint: `name the file or directory with the hosts; Ansible's own view: ansible-inventory -i ${quote(path)} --list`,
    })
  if ((from ?? guessProject(inventory)) === 'kubespray') addKubesprayCluster(inventory)
  const beside = isDirectory(path) ? path : dirname(path)
  readVarsFiles(inventory, beside, 'files')
  const play = playbookDir === undefined ? guessed(inventory, beside) : given(playbookDir)
  if (play !== undefined && realDirectory(play) !== realDirectory(beside))
    readVarsFiles(inventory, play, 'play')
  return inventory
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** The directory that --playbook-dir names, by itself or by a playbook in it. */
function given(path: string): string {
  if (isDirectory(path)) return path
  if (statSync(path, { throwIfNoEntry: false })) return dirname(path)
  throw new UsageError(`--playbook-dir: there is no directory ${path}`)
}

/** Directories that hold inventories rather than a project: the project is one further up. */
const INVENTORIES = /^(inventor(y|ies)|env|environments?|hosts)$/

/**
 * The directory beside the inventory that has variables for playbooks: the project, or `playbooks/` in it. Each one that has
 * some and is not read gets a remark, and so does the one that is.
 */
function guessed(inventory: AnsibleInventory, beside: string): string | undefined {
  const parent = join(beside, '..')
  const projects = [
    beside,
    parent,
    ...(INVENTORIES.test(basename(resolve(parent))) ? [join(parent, '..')] : []),
  ]
  const own = realDirectory(beside)
  const candidates = projects.flatMap(dir => [dir, join(dir, 'playbooks')])
  const found = [...new Map(candidates.map(dir => [realDirectory(dir), dir])).entries()]
    .filter(([real, dir]) => real !== own && hasVarsFiles(dir))
    .map(([, dir]) => dir)
  const trusted = found.filter(dir => distrust([dir]) === undefined)
  const [first] = trusted
  for (const dir of found)
    inventory.remark(
      { file: dir, line: 1 },
      'playbook-dir',
      dir === first
        ? 'group_vars and host_vars here were read as those beside the playbook; if it is elsewhere, use --playbook-dir'
        : `group_vars and host_vars here were not read: ${trusted.includes(dir) ? 'Ansible reads those of one playbook only' : 'another user can write here'}; to read them, use --playbook-dir ${quote(dir)}`,
    )
  return first
}
