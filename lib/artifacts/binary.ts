import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { TaskError } from '../errors.ts'
import { cached, cacheDirectory, store } from './cache.ts'
import { fetchArtifact } from './fetch.ts'
import { isArchive } from './load.ts'
import type { ArtifactOptions, ArtifactSpec, CheckedFile, Format } from './types.ts'

export interface Binary extends CheckedFile {
  readonly name: string
  readonly version: string
}

/**
 * The file for the host, on this machine and checked: the download itself, or its member. TaskError as from
 * fetchArtifact(), or when the download does not hold the member.
 */
export const binaryOf = async (
  spec: ArtifactSpec,
  options: ArtifactOptions = {},
): Promise<Binary> => {
  const { name, version, memberSha256 } = spec
  const cache = cacheDirectory(options)
  const known = memberSha256 ?? (await remembered(cache, spec))
  if (known !== undefined && spec.format !== 'binary') {
    const file = await cached(join(cache, known))
    if (file?.sha256 === known) return { ...file, name, version }
  }
  const fetched = await fetchArtifact(spec, options)
  if (spec.format === 'binary') {
    const { path, sha256, size } = fetched
    return { path, sha256, size, name, version }
  }
  const file = await extract(spec, fetched.path, cache)
  await remember(cache, spec, file.sha256)
  return { ...file, name, version }
}

/**
 * The sha256 that the file on the host must have. Downloads only when it is neither pinned nor known from an earlier
 * run, so that a run with nothing to do needs no network.
 */
export const sha256Of = async (
  spec: ArtifactSpec,
  options: ArtifactOptions = {},
): Promise<string> => {
  const pinned = spec.format === 'binary' ? spec.sha256 : spec.memberSha256
  if (pinned !== undefined) return pinned
  if (spec.format === 'binary') return (await fetchArtifact(spec, options)).sha256
  const known = await remembered(cacheDirectory(options), spec)
  return known ?? (await binaryOf(spec, options)).sha256
}

/** The cache's file with the sha256 of an archive's member. */
const note = (cache: string, { format, sha256, member }: ArtifactSpec): string => {
  const id = createHash('sha256').update([format, sha256, member].join('\0')).digest('hex')
  return join(cache, `${id}.member`)
}

const remembered = async (cache: string, spec: ArtifactSpec): Promise<string | undefined> => {
  const text = await readFile(note(cache, spec), 'utf8').catch(() => '')
  return /^([0-9a-f]{64})\n$/.exec(text)?.[1]
}

const remember = (cache: string, spec: ArtifactSpec, sha256: string): Promise<void> =>
  // If this fails, the next run unpacks again.
  writeFile(note(cache, spec), `${sha256}\n`, { mode: 0o600 }).catch(() => undefined)

const DECOMPRESS: Readonly<Record<Exclude<Format, 'binary'>, readonly string[]>> = {
  gz: ['gzip', '-dc'],
  xz: ['xz', '-dc'],
  zst: ['zstd', '-dcq'],
  tgz: ['tar', '--gzip'],
  txz: ['tar', '--xz'],
  tzst: ['tar', '--zstd'],
}

/** To stdout: no name in the archive decides where a file is written. A directory does not stand for all its files. */
const TO_STDOUT = ['--extract', '--to-stdout', '--occurrence=1', '--no-recursion']

const extract = async (spec: ArtifactSpec, path: string, cache: string): Promise<CheckedFile> => {
  const { format, member = '' } = spec
  if (format === 'binary') throw new TypeError('cannot extract from a plain binary')
  const archive = isArchive(format)
  const [program = '', ...options] = DECOMPRESS[format]
  const args = archive
    ? [...options, ...TO_STDOUT, `--file=${path}`, '--', member]
    : [...options, '--', path]
  const failed = (why: string) =>
    new TaskError(
      `artifact ${spec.name} ${spec.version}: ${archive ? `${member} in ` : ''}${path}: ${why}`,
      { hint: `the download is complete: check artifact ${spec.name} in files/artifacts.yaml` },
    )
  const bytes = () => output(program, args, failed)
  try {
    return await store(cache, bytes, spec.memberSha256, sha256 =>
      failed(`its sha256 is ${sha256}, expected member_sha256 ${spec.memberSha256 ?? ''}`),
    )
  } catch (error) {
    if (!archive || !String(error).includes('Not found in archive')) throw error
    throw failed(
      `not in the archive, which holds ${await members(program, [...options, '--list'], path)}`,
    )
  }
}

const members = async (program: string, args: readonly string[], path: string): Promise<string> => {
  let list = ''
  const bytes = output(program, [...args, `--file=${path}`], why => new TaskError(why))
  for await (const piece of bytes) if (list.length < 2000) list += Buffer.from(piece).toString()
  const names = list.trimEnd().split('\n')
  return `${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`
}

/** The stdout of a program; throws when the program fails or writes nothing. */
async function* output(
  program: string,
  args: readonly string[],
  failed: (why: string) => TaskError,
): AsyncGenerator<Uint8Array> {
  const env = { ...process.env, LC_ALL: 'C' }
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  const ended = ending(child)
  let size = 0
  try {
    for await (const piece of child.stdout) {
      size += (piece as Buffer).length
      yield piece as Buffer
    }
    const why = await ended
    if (why !== '') throw failed(why)
    if (size === 0) throw failed('empty, or not a regular file')
  } finally {
    child.kill()
  }
}

/** Resolves with what went wrong, or ''. */
const ending = (child: ChildProcessByStdio<null, Readable, Readable>): Promise<string> =>
  new Promise(resolve => {
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < 2000) stderr += text
    })
    child.once('error', error => resolve(`${child.spawnfile}: ${error.message}`))
    child.once('close', (code, signal) =>
      resolve(
        code === 0 ? '' : stderr.trim() || `${child.spawnfile} ended with ${code ?? signal ?? ''}`,
      ),
    )
  })
