import { mkdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'

/** Kernel modules of Longhorn's nodes. A machine without a kernel of its own can load none. */
const MODULES = ['iscsi_tcp', 'dm_crypt']

/** A tree for /usr/lib/modules, by which the running kernel has these modules built in (kbuild's modules.builtin). */
export const moduleTree = (labDir: string): string => {
  const tree = join(labDir, 'modules')
  mkdirSync(join(tree, release()), { recursive: true })
  writeFileSync(
    join(tree, release(), 'modules.builtin'),
    MODULES.map(name => `kernel/fmc-lab/${name}.ko\n`).join(''),
  )
  return tree
}
