import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, type Stats } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EXIT, TaskError, UsageError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { reading } from '../shell/staging.ts'
import { downloadExamined, examine } from '../ssh/download.ts'
import type { Session } from '../ssh/types.ts'
import type { PlayOptions } from './commands/play.ts'
import { onHosts } from './on-hosts.ts'
import { demandListOutput } from './options.ts'
import { print, printJson, printVersion } from './print.ts'

const MOST_FILES = 2000
const MOST_BYTES = 8 * 1024 ** 3

/**
 * Copies a file or directory of hosts to this machine: regular files only, with mode 0600, each replaced in one step. What is the
 * same already stays. Prints a line per file. Resolves with the exit code.
 */
export async function copyBack(
  pattern: string,
  from: string,
  to: string,
  o: PlayOptions,
): Promise<number> {
  const path = from.replace(/\/+$/, '')
  if (path === '' || path.split('/').some((p, i) => p === '..' || p === '.' || (p === '' && i > 0)))
    throw new UsageError(`${from}: expected an absolute path without . and ..`)
  demandListOutput(o.output)
  if (o.shard !== undefined)
    throw new UsageError('--shard is for runs, and this copies from hosts', {
      hint: 'name the hosts in the pattern',
    })
  const dryRun = (o.dryRun ?? false) || (o.check ?? false)
  if (o.output === 'json') printVersion()
  return onHosts(pattern, o, async (host, session, hide, hosts) => {
    const root = rootOf(to, hosts > 1 ? host.name : undefined, basename(path))
    for (const name of await filesOf(session, path)) {
      const source = name === '' ? path : `${path}/${name}`
      const target = name === '' ? root : join(root, name)
      const status = await take(session, source, to, target, dryRun)
      if (o.output === 'json')
        printJson({ type: 'file', host: host.name, from: hide(source), to: hide(target), status })
      else print(hide(`${host.name} | ${source} | ${target} | ${status}`).replaceAll('\n', '\\n'))
    }
    return EXIT.ok
  })
}

/** Where the source of one host goes. */
const rootOf = (to: string, host: string | undefined, name: string): string => {
  if (host !== undefined) return join(to, host, name)
  return to.endsWith('/') || statsOf(to)?.isDirectory() === true ? join(to, name) : to
}

const statsOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

/** The files of a directory, relative to it; [''] for a file. Throws TaskError for names that could leave the directory. */
async function filesOf(session: Session, path: string): Promise<string[]> {
  const word = quote(`./${basename(path)}`)
  const { code, stdout, stderr } = await session.run(
    `( ${reading([path])}fmc_beside ${quote(path)} || exit
[ ! -L ${word} ] || fmc_no 'it is a link'
[ -d ${word} ] || { printf file; exit; }
fmc_walk ${quote(`${path}/`)} || exit
printf 'dir\\0' && find . -xdev -mindepth 1 -printf '%y%P\\0' )`,
    { maxBytes: 4 * 1024 ** 2 },
  )
  if (code !== 0) throw new TaskError(`${path} cannot be copied: ${stderr.trim().slice(-200)}`)
  return stdout === 'file' ? [''] : namesOf(path, stdout)
}

/**
 * The regular files in a host's listing of a directory: `dir`, then a letter for the kind (find(1), %y) and a name, each with a NUL.
 *
 *     namesOf('/srv/app', 'dir\0dsub\0fsub/a\0')   // ['sub/a']
 */
export function namesOf(path: string, listing: string): string[] {
  const failed = (why: string): TaskError => new TaskError(`${path} cannot be copied: ${why}`)
  const [head, ...records] = listing.split('\0')
  if (head !== 'dir' || records.pop() !== '') throw failed('the host sent no listing')
  const names = records.map(record => {
    const [kind, name] = [record.slice(0, 1), record.slice(1)]
    const parts = name.split('/')
    if (parts.some(p => p === '' || p === '.' || p === '..') || /[\p{C}\ufffd]/u.test(name))
      throw failed(`the host sent the name ${JSON.stringify(name)}`)
    if (kind !== 'f' && kind !== 'd')
      throw failed(`${name} is neither a file nor a directory; fmc copies no links`)
    return { kind, name }
  })
  const files = names.filter(({ kind }) => kind === 'f').map(({ name }) => name)
  if (files.length > MOST_FILES) throw failed(`it has more than ${MOST_FILES} files`)
  if (new Set(files).size < files.length) throw failed('the host sent a name twice')
  return files.sort()
}

/** Copies one file, unless it is here already. Nothing below `within` may be a link. */
async function take(
  session: Session,
  source: string,
  within: string,
  target: string,
  dryRun: boolean,
): Promise<'ok' | 'copied' | 'would copy'> {
  const expected = await examine(session, source, MOST_BYTES)
  const stats = statsOf(target)
  if (stats && !stats.isFile())
    throw new TaskError(`${target} on this machine is not a regular file: fmc does not replace it`)
  if (stats?.size === expected.size && (await sumOf(target)) === expected.sum) return 'ok'
  if (dryRun) return 'would copy'
  await makeParents(within, target)
  const part = `${target}.fmc-part`
  try {
    await rm(part, { force: true })
    await downloadExamined(session, source, part, expected)
    await rename(part, target)
  } catch (error) {
    await rm(part, { force: true })
    if (error instanceof Error && 'syscall' in error)
      throw new TaskError(`cannot write ${target} on this machine: ${error.message}`)
    throw error
  }
  return 'copied'
}

/** Makes the directories of a file. The one that the user named may be a link; those below it may not. */
async function makeParents(within: string, target: string): Promise<void> {
  const dir = resolve(dirname(target))
  const top = resolve(within).replace(/\/$/, '')
  for (let at = dir; at.startsWith(`${top}/`); at = dirname(at))
    if (statsOf(at)?.isSymbolicLink() === true)
      throw new TaskError(`${at} on this machine is a link: fmc writes nothing through it`)
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new TaskError(`cannot make ${dir} on this machine: ${(error as Error).message}`)
  })
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
