import { existsSync, lstatSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path'
import { TaskError } from '../errors.ts'
import { demandTrust } from '../trust.ts'
import { expect } from './resource.ts'
import { scope } from './scope.ts'

/**
 * The absolute path of a file or directory of the project: PATH in the role's own directory (roles/ROLE beside the
 * inventory), else beside the inventory. An absolute path stays as it is. Throws TaskError when there is none, and UsageError
 * when another user could exchange it.
 */
export function sourcePath(path: string): string {
  const here = scope()
  expect(path !== '' && !path.includes('\0'), `${JSON.stringify(path)} is not a path`)
  const project = dirname(resolve(here.settings.inventory.file))
  expect(
    isAbsolute(path) || (normalize(path) === path && !path.startsWith('../') && path !== '..'),
    `${JSON.stringify(path)} is not a path below the role's directory (no ./, ../ or //)`,
  )
  const places = isAbsolute(path)
    ? [path]
    : [join(project, 'roles', here.role, path), join(project, path)]
  const found = places.find(place => existsSync(place))
  if (found === undefined)
    throw new TaskError(`there is no ${places.join(' and no ')}`, {
      hint: `a path is relative to roles/${here.role} or to the inventory's directory; join(import.meta.dirname, 'FILE') names one beside the source`,
    })
  demandTrust(path, [found], project)
  return found
}

/** Is it a regular file, a directory, or something else, which fmc does not copy? Links are not followed. */
export function kindOf(path: string): 'file' | 'directory' | 'other' {
  const stat = lstatSync(path)
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other'
}
