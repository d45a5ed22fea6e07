import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Base } from './base.ts'
import type { Layers } from './light-host.ts'

/** Path → what is there, in one text: type, mode, owner, content. Only what differs from the prepared root. */
export type Tree = ReadonlyMap<string, string>

const GONE = 'absent'

function what(path: string): string {
  const s = lstatSync(path)
  const head = `${(s.mode & 0o7777).toString(8)} ${s.uid}:${s.gid}`
  if (s.isSymbolicLink()) return `link ${s.uid}:${s.gid} ${readlinkSync(path)}`
  if (s.isDirectory()) return `directory ${head}`
  if (s.isFile())
    return `file ${head} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 24)}`
  // A whiteout of overlayfs: what lies below is gone (kernel.org, filesystems/overlayfs).
  return s.isCharacterDevice() && s.rdev === 0 ? GONE : `special ${head}`
}

function walk(dir: string, found: Map<string, string>, at = ''): void {
  for (const name of readdirSync(join(dir, at))) {
    const path = `${at}/${name}`
    const here = what(join(dir, path))
    found.set(path, here)
    if (here === GONE)
      for (const below of [...found.keys()]) if (below.startsWith(`${path}/`)) found.delete(below)
    if (here.startsWith('directory')) walk(dir, found, path)
  }
}

/** What a host has that the prepared root has not. */
export function treeOf(base: Base, { old, upper }: Layers, restless: readonly RegExp[] = []): Tree {
  const found = new Map<string, string>()
  for (const layer of old.split(':').filter(Boolean).toReversed()) walk(layer, found)
  walk(upper, found)
  for (const [path, here] of found)
    if (restless.some(r => r.test(path)) || here === below(base, path)) found.delete(path)
  return found
}

function below(base: Base, path: string): string {
  try {
    return what(join(base.root, path))
  } catch {
    return GONE
  }
}

/** One line for each path where two trees differ. */
export const differences = (is: Tree, should: Tree): string[] =>
  [...new Set([...is.keys(), ...should.keys()])]
    .filter(path => is.get(path) !== should.get(path))
    .toSorted()
    .map(
      path =>
        `${path}: is ${is.get(path) ?? 'as it was'}, should be ${should.get(path) ?? 'as it was'}`,
    )

/**
 * Files and links that are neither in the old state nor in the new one. Where the content changes, owner and mode change with
 * it, in one step; where it does not, only the content counts.
 */
export const thirds = (is: Tree, old: Tree, fresh: Tree, declared: ReadonlySet<string>): string[] =>
  [...declared].flatMap(path => {
    const content = (tree: Tree): string => {
      const here = tree.get(path) ?? GONE
      return here.startsWith('file') ? (here.split(' ')[3] ?? '') : here
    }
    const whole = (tree: Tree): string => tree.get(path) ?? GONE
    if (content(old) !== content(fresh))
      return [whole(old), whole(fresh)].includes(whole(is))
        ? []
        : [`${path} is neither old nor new: ${whole(is)}`]
    const now = content(is)
    return now === content(old) || now === content(fresh)
      ? []
      : [`${path} is neither old nor new: ${is.get(path) ?? GONE}`]
  })
