import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, type Facts, type Query } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { remove, removeEmpty } from '../shell/staging.ts'
import { demandTrust } from '../trust.ts'
import { directory } from './directory.ts'
import { file } from './file.ts'
import { checkPath, checkTask, expect, resource, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'
import { kindOf, sourcePath } from './source.ts'

export interface TreeOptions extends Common {
  /** `user` or `user:group` of everything; default root:root. */
  readonly owner?: string | undefined
  /** Octal mode of the files; default 0755 for those that their owner may execute here, and 0644 for the others. */
  readonly mode?: string | undefined
  /** Octal mode of the directories; default 0755. */
  readonly directoryMode?: string | undefined
  /** Remove files, links and directories on the host that the source does not have. Default false. */
  readonly purge?: boolean | undefined
}

/** What a source directory contains; paths are relative to it, a directory before its content. */
export interface Listed {
  readonly path: string
  readonly kind: 'file' | 'directory'
  readonly executable: boolean
}

/** More is not a configuration, but a program: for that there are archive() and artifact(). */
const MOST_FILES = 2000

/** Lists a directory of the controller. Throws TaskError for anything but files and directories, and for more than 2000 of them. */
export function listTree(root: string): Listed[] {
  const found: Listed[] = []
  const visit = (below: string): void => {
    for (const name of readdirSync(join(root, below)).sort()) {
      const path = join(below, name)
      const kind = kindOf(join(root, path))
      if (kind === 'other')
        throw new TaskError(`${join(root, path)} is neither a file nor a directory`, {
          hint: 'tree() copies no links and no special files: use link() for a link',
        })
      found.push({ path, kind, executable: (statSync(join(root, path)).mode & 0o100) !== 0 })
      expect(found.length <= MOST_FILES, `${root} has more than ${MOST_FILES} files: use archive()`)
      if (kind === 'directory') visit(path)
    }
  }
  visit('')
  return found
}

/** As text where it is text, so that the plan can answer questions about its lines. */
const contentOf = (path: string): string | Buffer => {
  const bytes = readFileSync(path)
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : bytes
}

/** Directories of which no tree is the only content. */
const SHARED = /^\/(?:[^/]+|(?:usr|var)\/[^/]+|etc\/systemd(?:\/system)?)$/

const listing = (path: string): Query<'command'> =>
  ask(
    'command',
    `[ ! -d ${quote(path)} ] || [ -L ${quote(path)} ] || find ${quote(path)} -xdev -mindepth 1 -depth -printf '%y%p\\0'`,
    { code: 0, stdout: '', stderr: '' },
  )

const KINDS: Readonly<Record<string, string>> = { f: 'file', l: 'link', d: 'directory' }

/** What the host has and the source has not, content before its directory. Throws TaskError for an answer that is not a listing. */
export function extras(
  root: string,
  { code, stdout, stderr }: Facts['command'],
  wanted: ReadonlySet<string>,
): { readonly path: string; readonly kind: string }[] {
  if (code !== 0) throw new TaskError(`cannot list ${root}: ${stderr.trim()}`)
  const records = stdout.split('\0')
  if (records.pop() !== '') throw new TaskError(`cannot list ${root}: the host's answer is cut off`)
  return records.flatMap(record => {
    const path = record.slice(1)
    if (!path.startsWith(`${root}/`)) throw new TaskError(`cannot list ${root}: unexpected answer`)
    if (wanted.has(path)) return []
    const kind = KINDS[record[0] ?? '']
    if (kind === undefined)
      throw new TaskError(`${path} is neither a file, a link nor a directory: remove it by hand`)
    return [{ path, kind }]
  })
}

const purge = resource({
  name: (o: Common & { readonly path: string; readonly wanted: ReadonlySet<string> }) =>
    `purge ${o.path}`,
  needs: o => ({ listing: listing(o.path) }),
  plan: (o, now) =>
    extras(o.path, now.listing, o.wanted).map(({ path, kind }): PlannedChange => ({
      what: `remove ${kind} ${path}`,
      script: kind === 'directory' ? removeEmpty(path) : remove(path),
      factsAfter: [
        [ask('path', path), null],
        [ask('sha', path), null],
        [ask('link', path), null],
      ],
    })),
})

/**
 * Copies a directory tree of the project to the host: a task for each directory and file, with the same safety and the same diffs as
 * `directory` and `file`. Of the source's modes only the owner's execute bit counts, because git keeps no other. What else the
 * host has in that directory stays, unless `purge` is set.
 *
 * @param source - directory in the role's directory (roles/ROLE), else beside the inventory; or absolute
 * @param path - absolute, of the directory on the host
 * @throws TaskError when the source has links, special files, more than 2000 files or one of more than 8 MB, when something other
 * than a file or directory is in the way, and, with `purge`, for special files in the directory on the host.
 *
 * @example
 * await tree('files/app', '/srv/app', { owner: 'app:app', purge: true, notify: 'restart app' })
 */
export async function tree(
  source: string,
  path: string,
  options: TreeOptions = {},
): Promise<Result> {
  const here = scope()
  const { owner, mode, directoryMode, notify } = options
  let root = ''
  let listed: Listed[] = []
  await checkTask(`tree ${path}`, () => {
    checkPath(path)
    expect(
      options.purge !== true || (path !== '/' && !SHARED.test(path)),
      `purge in ${path} would remove what the system needs: use a directory of its own`,
    )
    root = sourcePath(source)
    expect(kindOf(root) === 'directory', `${root} is not a directory`)
    listed = listTree(root)
    const files = listed.map(l => join(root, l.path))
    demandTrust(source, files, root)
  })
  // In one round trip: the tasks then find their answers in memory.
  await Promise.all(
    listed.flatMap(l => [
      here.read(ask('path', join(path, l.path))),
      ...(l.kind === 'file' ? [here.read(ask('sha', join(path, l.path)))] : []),
    ]),
  )
  const folder = { owner, mode: directoryMode, notify }
  let changed = (await directory(path, folder)).changed
  for (const { path: name, kind, executable } of listed) {
    const to = join(path, name)
    const done =
      kind === 'directory'
        ? await directory(to, folder)
        : await file(to, {
            content: contentOf(join(root, name)),
            owner,
            mode: mode ?? (executable ? '0755' : '0644'),
            notify,
          })
    changed ||= done.changed
  }
  if (options.purge) {
    const wanted = new Set(listed.map(l => join(path, l.path)))
    changed = (await purge({ path, wanted, notify })).changed || changed
  }
  return { changed }
}
