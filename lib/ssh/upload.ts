import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import pLimit from 'p-limit'
import { TaskError } from '../errors.ts'
import { receive } from '../shell/staging.ts'
import type { Limits, Link, Pipe } from './link.ts'
import { entry, start } from './entry.ts'
import { drained } from './stream.ts'
import type { Session, Target } from './types.ts'

/** A server allows 10 channels by default (MaxSessions); the shell and an interrupt need some of them. */
const AT_ONCE = 4
const CHUNK = 256 * 1024

/** Session.upload. Rejects with TaskError (local file, disk full …) or UnreachableError; the target is then as it was. */
export const uploader = (link: Link, target: Target, limits: Limits): Session['upload'] => {
  const limit = pLimit(AT_ONCE)
  return (localFile, remotePath, onBytes) =>
    limit(() => upload(link, target, limits, localFile, remotePath, onBytes))
}

const upload = async (
  link: Link,
  target: Target,
  limits: Limits,
  localFile: string,
  remotePath: string,
  onBytes: (sent: number, size: number) => void = () => undefined,
): Promise<void> => {
  const failed = (why: string): TaskError =>
    new TaskError(`upload of ${localFile} to ${target.name}:${remotePath}: ${why}`)
  const size = await stat(localFile).then(
    s => s.size,
    (error: unknown) => Promise.reject(failed(messageOf(error))),
  )
  if (remotePath.includes('\0')) throw failed('the path contains a NUL byte')
  const how = entry(target, () => receive(remotePath, size))
  const { pipe } = await start(link, target, how, limits)
  const said = listen(pipe)
  const trouble = await send(pipe, localFile, limits.idleMs, sent => onBytes(sent, size))
  const { code, signal } = await pipe.ended
  if (code === 0) return
  if (trouble !== undefined) throw failed(trouble)
  if (code === undefined && signal === undefined) throw await link.explain(said())
  throw failed(said() || `the receiver ended with ${signal ?? `exit ${code ?? 0}`}`)
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Collects the end of the host's output. */
const listen = (pipe: Pipe): (() => string) => {
  let text = ''
  for (const stream of [pipe.stdout, pipe.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-4000)
    })
    stream.resume()
  }
  return () => text.trim()
}

/** Writes the whole file, as fast as the host accepts it. Resolves with what went wrong on this side. */
const send = async (
  pipe: Pipe,
  localFile: string,
  idleMs: number,
  onBytes: (sent: number) => void,
): Promise<string | undefined> => {
  let sent = 0
  let trouble: string | undefined
  const state = { over: false }
  const gone = (): boolean => state.over
  const ended = pipe.ended.then(() => {
    state.over = true
  })
  const idle = setTimeout(() => {
    trouble = `the host accepted no byte for ${idleMs / 1000} s`
    pipe.destroy()
  }, idleMs)
  try {
    for await (const chunk of createReadStream(localFile, { highWaterMark: CHUNK })) {
      const room = pipe.stdin.write(chunk) || gone()
      if (!room) await Promise.race([drained(pipe.stdin), ended])
      if (gone() || pipe.stdin.destroyed) break
      sent += (chunk as Buffer).length
      onBytes(sent)
      idle.refresh()
    }
    if (!gone()) pipe.stdin.end()
  } catch (error) {
    trouble ??= messageOf(error)
    pipe.destroy()
  } finally {
    void ended.then(() => clearTimeout(idle)) // the last buffers may get stuck too
  }
  return trouble
}
