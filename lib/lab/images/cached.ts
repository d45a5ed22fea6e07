import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { buildIn } from '../exec.ts'
import { whenUnlocked } from '../lock.ts'
import { labCache, labFiles } from '../paths.ts'

/** Raise it when the steps make something else of the same files. */
const FORMAT = 'bookworm2'

/** Where the result of a step is cached: another place when one of its files below files/lab changes, or `more`. */
export const at = (step: string, matches: RegExp, more = ''): string =>
  labCache(`${step}-${definition(matches, more)}`)

const definition = (matches: RegExp, more: string): string => {
  const root = labFiles()
  const hash = createHash('sha256').update(FORMAT + more)
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(name => matches.test(name) && !name.endsWith('README.md'))
    .sort()
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(root, name)))
  return hash.digest('hex').slice(0, 12)
}

/** Results that were not used for this long are removed when a newer one is made. */
const KEEP_DAYS = 7

/** Results of steps that an older fmc had. */
const RETIRED = /^(packages|images|trixie-packages|trixie-image|wireguard-go)-[0-9a-f]{12}$/

const removeOld = (path: string): void => {
  const [step] = /^.*-/.exec(path) ?? []
  for (const name of readdirSync(dirname(path))) {
    const other = join(dirname(path), name)
    if (step === undefined || other === path) continue
    if (!other.startsWith(step) && !RETIRED.test(name)) continue
    if (Date.now() - statSync(other).mtimeMs > KEEP_DAYS * 86_400_000)
      rmSync(other, { recursive: true, force: true })
  }
}

/**
 * Makes a directory unless it exists, by way of a temporary one; one process at a time. The temporary directory is this
 * process's own: what a killed one has left, also one whose commands still run, is removed and never becomes the result.
 */
export const once = async (path: string, make: (dir: string) => Promise<void>): Promise<void> => {
  if (existsSync(path)) return utimesSync(path, new Date(), new Date())
  mkdirSync(dirname(path), { recursive: true })
  await whenUnlocked(`${path}.lock`, async () => {
    if (existsSync(path)) return
    for (const name of readdirSync(dirname(path)))
      if (name.startsWith(`${basename(path)}.new`))
        rmSync(join(dirname(path), name), { recursive: true, force: true, maxRetries: 3 })
    const dir = `${path}.new-${process.pid}`
    mkdirSync(dir)
    try {
      await buildIn(dir, make)
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
    renameSync(dir, path)
    removeOld(path)
  })
}
