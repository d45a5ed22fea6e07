import { closeSync, lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { role, type Role } from '../engine/define/role.ts'
import { UsageError } from '../errors.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { openSeen, type SeenFile } from '../resources/seen-file.ts'
import { sendSeen } from '../resources/send.ts'

/** Larger files are streamed. */
const MOST_INLINE = 4 * 1024 * 1024
const MOST_ENTRIES = 2000
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/

/** A file or directory to copy; `path` is on the host. */
interface Entry {
  readonly local: string
  readonly path: string
  readonly mode: string
  readonly size: number
  readonly isDirectory: boolean
  readonly seen: SeenFile
}

/** Owner and mode that the command line asks for. */
export interface CopyAccess {
  readonly owner?: string | undefined
  readonly group?: string | undefined
  readonly mode?: string | undefined
}

/**
 * A role that copies a file or directory of this machine to `to` on a host, as the resources file, directory and send do: what is
 * the same already is ok, and nobody on the host can redirect a file. Throws UsageError before any host is contacted: for a
 * source with links or special files, and for a wrong owner or mode.
 */
export function copyRole(from: string, to: string, o: CopyAccess): Role {
  const owner = ownerOf(o)
  if (o.mode !== undefined && !/^[0-7]{3,4}$/.test(o.mode))
    throw new UsageError(`--mode ${o.mode}: expected an octal mode such as 0644`)
  const path = to.endsWith('/') ? `${to}${basename(from)}` : to
  if (path.split('/').some((part, i) => part === '..' || part === '.' || (part === '' && i > 0)))
    throw new UsageError(`${to}: expected an absolute path without . and ..`)
  const entries = entriesOf(from, path, o.mode)
  return role({
    name: 'copy',
    summary: 'Copies files of this machine to hosts',
    vars: z.object({}),
    async tasks() {
      for (const { local, path: target, mode, size, isDirectory, seen } of entries) {
        if (isDirectory) await directory(target, { owner, mode })
        else if (size > MOST_INLINE) await sendSeen(local, target, { owner, mode }, seen)
        else await file(target, { content: contentOf(local, seen), owner, mode })
      }
    },
  })
}

function ownerOf({ owner, group }: CopyAccess): string | undefined {
  const [user = 'root', own, ...more] = (owner ?? 'root').split(':')
  if (more.length > 0 || ![user, own ?? 'x', group ?? 'x'].every(name => NAME.test(name)))
    throw new UsageError('--owner or --group: expected a user, user:group, or a group')
  if (own !== undefined && group !== undefined)
    throw new UsageError('--owner names a group already: leave out --group')
  return `${user}:${own ?? group ?? 'root'}`
}

/** As text where it is text, so that --diff shows it. */
const contentOf = (local: string, seen: SeenFile): string | Buffer => {
  const fd = openSeen(local, seen)
  const bytes = ((): Buffer => {
    try {
      return readFileSync(fd)
    } finally {
      closeSync(fd)
    }
  })()
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : bytes
}

/** A directory comes before its content. */
function entriesOf(from: string, to: string, mode: string | undefined): Entry[] {
  const found: Entry[] = []
  const visit = (local: string, path: string): void => {
    const stats = statsOf(local)
    if (!stats.isFile() && !stats.isDirectory())
      throw new UsageError(`${local} is neither a file nor a directory`, {
        hint: 'fmc copy follows no links: name the file itself',
      })
    const isDirectory = stats.isDirectory()
    const own = (stats.mode & 0o777).toString(8).padStart(4, '0')
    found.push({
      local,
      path,
      mode: isDirectory ? own : (mode ?? own),
      size: stats.size,
      isDirectory,
      seen: stats,
    })
    if (found.length > MOST_ENTRIES)
      throw new UsageError(`${from} has more than ${MOST_ENTRIES} files`, {
        hint: 'tar -c DIR | fmc run PATTERN -- tar -x -C /DST',
      })
    if (isDirectory)
      for (const name of readdirSync(local).sort()) visit(join(local, name), `${path}/${name}`)
  }
  visit(from, to)
  return found
}

const statsOf = (local: string): Stats => {
  try {
    return lstatSync(local)
  } catch (error) {
    throw new UsageError(`cannot read ${local}: ${(error as Error).message}`)
  }
}
