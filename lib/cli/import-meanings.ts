import { dirname, join } from 'node:path'
import { loadArtifacts } from '../artifacts/load.ts'
import type { ConvertOptions } from '../import/convert.ts'
import { splitPattern } from '../inventory/patterns.ts'
import type { LintedProject } from './lint/project.ts'
import { loadRole, roleFiles } from './load.ts'
import { packageRoot } from './paths.ts'

/**
 * What names mean to fmc: the groups of its own plays, the variables of its own roles, and the releases of K3s that it can
 * install. Those of the project's own playbooks and roles are the user's.
 */
export async function meanings(
  inventoryFile: string,
  { playbooks }: LintedProject,
): Promise<Pick<ConvertOptions, 'playGroups' | 'roleVariables' | 'unpinned' | 'k3sVersion'>> {
  const books = playbooks.filter(({ file }) => dirname(file) === join(packageRoot(), 'playbooks'))
  const terms = books
    .flatMap(({ book }) => book.stages.flat())
    .flatMap(play => splitPattern(play.hosts))
    .map(term => term.replace(/^[!&]|\[.*$/g, '').replace(/^~\^(\w+)\$$/, '$1'))
  const ours = [...roleFiles(inventoryFile)].filter(([, file]) =>
    file.startsWith(join(packageRoot(), 'roles', '/')),
  )
  const roles = await Promise.all(ours.map(([name]) => loadRole(name, inventoryFile)))
  const k3s = (await loadArtifacts(join(packageRoot(), 'files', 'artifacts.yaml'))).get('k3s')
  return {
    playGroups: [...new Set(terms)].filter(term => /^[a-z_]\w*$/i.test(term) && term !== 'all'),
    roleVariables: new Map(
      roles.flatMap(({ name, vars }) =>
        Object.keys(vars.shape).map((variable): [string, string] => [variable, name]),
      ),
    ),
    unpinned: version => version !== k3s?.version && k3s?.releases[version] === undefined,
    k3sVersion: k3s?.version,
  }
}
