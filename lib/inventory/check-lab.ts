import { patternMatcher } from './check-patterns.ts'
import { formatPath, type UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** Problems of what the lab is to make of an inventory. */
export function labProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const match = patternMatcher(raw, found)
  for (const pattern of Object.keys(raw.lab?.dirt ?? {})) match(pattern, ['lab', 'dirt', pattern])
  for (const { path, program } of k3sPrograms(raw))
    if ((program.url === undefined) === (program.path === undefined))
      found.push({
        severity: 'error',
        path,
        key: true,
        message: `${formatPath(path)}: expected either url or path${program.url === undefined ? ', got neither' : ', got both'}`,
        hint: 'write path: /srv/k3s for a file of this machine, or its url: https://…',
      })
  return found
}

/** The programs of lab.k3s, with their places in the file. */
const k3sPrograms = (raw: RawInventory) => {
  const k3s = raw.lab?.k3s
  if (k3s === undefined) return []
  return [
    { path: ['lab', 'k3s'], program: k3s },
    ...Object.entries(k3s.releases ?? {}).map(([release, program]) => ({
      ...{ path: ['lab', 'k3s', 'releases', release], program },
    })),
  ]
}
