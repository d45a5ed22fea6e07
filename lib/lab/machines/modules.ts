import { mkdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'

/** Kernel modules that Longhorn needs. A machine without a kernel of its own cannot load modules. */
const MODULES = ['iscsi_tcp', 'dm_crypt']

/** Makes a tree for /usr/lib/modules that declares these modules as built into the running kernel (modules.builtin). */
export const moduleTree = (labDir: string): string => {
  const tree = join(labDir, 'modules')
  mkdirSync(join(tree, release()), { recursive: true })
  writeFileSync(
    join(tree, release(), 'modules.builtin'),
    MODULES.map(name => `kernel/fmc-lab/${name}.ko\n`).join(''),
  )
  return tree
}
