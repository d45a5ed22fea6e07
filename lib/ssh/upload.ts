import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import pLimit from 'p-limit'
import { TaskError, UnreachableError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import type { Limits, Link, Pipe } from './link.ts'
import { enter, entry } from './sudo.ts'
import type { Session, Target } from './types.ts'

/** A server allows 10 channels by default (MaxSessions); some must stay free for the shell and for an interrupt. */
const AT_ONCE = 4
const CHUNK = 256 * 1024

/**
 * The script that receives the file: created anew (no link is followed), 0600. `cat` cannot tell a dropped connection
 * from the end of the file, so the size decides whether it stays.
 */
const receiver = (path: string, size: number): string => {
  const p = quote(path.startsWith('-') ? `./${path}` : path)
  return (
    `umask 077; set -C; rm -f ${p} && cat >${p} || exit 1\n` +
    `_fmc=$(wc -c <${p}); [ "$_fmc" -eq ${size} ] || { rm -f ${p}; printf 'got %d of ${size} bytes' "$_fmc" >&2; exit 65; }`
  )
}

/** `upload` of one session. Rejects with TaskError (local file, disk full …) or UnreachableError; a part is never left as the file. */
export const uploader = (link: Link, target: Target, limits: Limits): Session['upload'] => {
  const limit = pLimit(AT_ONCE)
  return (localFile, remotePath) => limit(() => upload(link, target, limits, localFile, remotePath))
}

const upload = async (
  link: Link,
  target: Target,
  limits: Limits,
  localFile: string,
  remotePath: string,
): Promise<void> => {
  const failed = (why: string, output?: string): TaskError =>
    new TaskError(`upload of ${localFile} to ${target.name}:${remotePath}: ${why}`, { output })
  const size = await stat(localFile).then(
    s => s.size,
    (error: Error) => Promise.reject(failed(error.message)),
  )
  const how = entry(target, () => receiver(remotePath, size))
  const pipe = await link.exec(how.command)
  await enter(pipe, target, how, limits)
  const said = listen(pipe)
  const problem = await send(pipe, localFile, limits.idleMs)
  const { code, signal } = await pipe.ended
  if (code === undefined && signal === undefined && problem === undefined) {
    throw new UnreachableError(
      `${target.name}: connection lost during the upload of ${remotePath}: ${link.lost ?? 'the channel was closed'}`,
    )
  }
  if (code !== 0) throw failed(said().trim() || (problem ?? signal ?? `exit ${code ?? 0}`), said())
}

const listen = (pipe: Pipe): (() => string) => {
  let text = ''
  const add = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-4000)
  }
  pipe.stdout.on('data', add).resume()
  pipe.stderr.on('data', add).resume()
  return () => text
}

/** Resolves to what went wrong on our side, if anything did. */
const send = async (pipe: Pipe, localFile: string, idleMs: number): Promise<string | undefined> => {
  const source = createReadStream(localFile, { highWaterMark: CHUNK })
  let why: string | undefined
  const idle = setTimeout(() => {
    why = `no byte was taken for ${idleMs / 1000} s`
    source.destroy(new Error(why))
    pipe.destroy()
  }, idleMs)
  source.on('data', () => idle.refresh())
  void pipe.ended.then(() => source.destroy())
  try {
    await pipeline(source, pipe.stdin)
    return undefined
  } catch (error) {
    pipe.stdin.end()
    return (why ?? (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE')
      ? why
      : String((error as Error).message)
  } finally {
    clearTimeout(idle)
  }
}
