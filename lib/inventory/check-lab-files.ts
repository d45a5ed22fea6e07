import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { formatPath, type UnplacedProblem } from './problem.ts'
import type { Inventory } from './types.ts'

/** Files of this machine that lab.k3s names: they must exist and have the sha256 beside them. Reads them. */
export function labFileProblems({ lab }: Pick<Inventory, 'lab'>): UnplacedProblem[] {
  return lab.k3s.flatMap(({ release, source, sha256 }): UnplacedProblem[] => {
    if ('url' in source) return []
    const at = ['lab', 'k3s', ...(release === undefined ? [] : ['releases', release])]
    const wrong = (key: string, message: string): UnplacedProblem[] => [
      { severity: 'error', path: [...at, key], message: `${formatPath([...at, key])}: ${message}` },
    ]
    try {
      const is = createHash('sha256').update(readFileSync(source.path)).digest('hex')
      return is === sha256 ? [] : wrong('sha256', `expected ${is}, which ${source.path} has`)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      return wrong('path', `${source.path} cannot be read: ${code}`)
    }
  })
}
