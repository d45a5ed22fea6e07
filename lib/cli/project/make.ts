import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../../errors.ts'
import { quote } from '../../shell/quote.ts'
import { demandTrust } from '../../trust.ts'
import type { Files } from './files.ts'

/** Where a project goes. */
export interface Place {
  /** Absolute. */
  readonly dir: string
  /** The name in its package.json. */
  readonly name: string
}

/**
 * Checks that a project can be made in this directory, which must be new or empty (apart from .git) and whose parent must
 * exist. UsageError otherwise; nothing is written.
 */
export function placeOf(path: string): Place {
  const dir = resolve(path)
  const name = basename(dir)
  if (!/^[a-z0-9][a-z0-9._-]{0,100}$/.test(name) || ['node_modules', 'fmc'].includes(name))
    throw new UsageError(`${JSON.stringify(name)} cannot be the name of a project`, {
      hint:
        name === 'fmc'
          ? 'a package called fmc could not depend on fmc: fmc init my-cloud'
          : 'use a-z, 0-9, ".", "-" and "_", a letter or digit first: fmc init my-cloud',
    })
  const parent = dirname(dir)
  if (!statSync(parent, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${parent} is no directory`, { hint: `mkdir -p ${quote(parent)}` })
  demandTrust(dir, [existsSync(dir) ? dir : parent], dir)
  const there = statSync(dir, { throwIfNoEntry: false })
  if (there && !there.isDirectory()) throw new UsageError(`${dir} is a file`)
  const files = there ? readdirSync(dir).filter(file => file !== '.git') : []
  if (files.length > 0) {
    const more = files.length > 5 ? ` and ${files.length - 5} more` : ''
    throw new UsageError(`${dir} is not empty: ${files.sort().slice(0, 5).join(', ')}${more}`, {
      hint: 'fmc init NAME makes a new directory',
    })
  }
  return { dir, name }
}

/** Writes the files beside the directory first and moves them into place when all are complete. UsageError if that fails. */
export async function make(
  { dir, name }: Place,
  files: Files,
  more: (scratch: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const exists = existsSync(dir)
  let scratch: string | undefined
  let made = false
  const moved: string[] = []
  try {
    scratch = mkdtempSync(join(exists ? dir : dirname(dir), `.${name}.`))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(scratch, path)), { recursive: true })
      writeFileSync(join(scratch, path), text, { flag: 'wx' })
    }
    await more(scratch)
    if (!exists) mkdirSync(dir)
    made = !exists
    for (const entry of readdirSync(scratch)) {
      if (existsSync(join(dir, entry))) throw new UsageError(`${join(dir, entry)} exists already`)
      renameSync(join(scratch, entry), join(dir, entry))
      moved.push(join(dir, entry))
    }
  } catch (error) {
    for (const path of moved) rmSync(path, { recursive: true, force: true })
    if (made) rmSync(dir, { recursive: true, force: true })
    if (error instanceof UsageError) throw error
    throw new UsageError(
      `${dir} cannot be made: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    )
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
  }
}
