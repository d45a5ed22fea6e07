import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname, userInfo } from 'node:os'
import { dirname } from 'node:path'
import { makeDirs } from '../cache-dir.ts'
import type { Event } from '../engine/events.ts'
import { safeJson } from '../text/sanitise.ts'
import type { EndLine, EventLine, RecordedEvent, RunLine } from './format.ts'
import { whoRan } from './summary.ts'
import { demandOwnRuns, prune, recordFile, type Retention } from './store.ts'

/** What the caller says about a run. */
export type RunStart = Pick<
  RunLine,
  'command' | 'argv' | 'dryRun' | 'readOnly' | 'lab' | 'inventory' | 'git' | 'shard'
>

/** Takes the events of one run into its record. Its methods never throw. */
export interface Recorder {
  /** The run's id, also if it is not recorded. */
  readonly id: string
  /** Who runs which command, in one line: "root@admin1 (anna) from 10.0.10.7, run 5a3b0012: fmc play site". */
  readonly by: string
  /** The record's file; undefined: the run is not recorded. */
  readonly file: string | undefined
  /** Adds one event. The engine has removed the secrets from it. */
  on(event: Event): void
  /** Adds the last line. Call it once. */
  end(exitCode: number): void
}

/**
 * Begins the record of a run in `dir` and removes old records there. Every line goes to the system at once, so the record of
 * a killed run has all lines up to there. If the record cannot be written, `warn` gets one sentence and the run goes on.
 */
export function openRecorder(
  dir: string | (() => string),
  start: RunStart,
  warn: (text: string) => void,
  keep?: Retention,
): Recorder {
  const begin = new Date()
  const id = randomBytes(4).toString('hex')
  let fd: number | undefined
  let file: string | undefined
  const giveUp = (error: unknown): void => {
    if (fd !== undefined) closeSync(fd)
    fd = undefined
    const why = error instanceof Error ? error.message : String(error)
    warn(`this run is not recorded${file === undefined ? '' : ' completely'}: ${why}`)
  }
  const write = (line: string): void => {
    if (fd === undefined) return
    try {
      const bytes = Buffer.from(line)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    } catch (error) {
      giveUp(error)
    }
  }
  try {
    const path = recordFile(typeof dir === 'string' ? dir : dir(), begin, id)
    demandOwnRuns(dirname(path))
    makeDirs(dirname(path))
    const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW } = constants
    fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600)
    file = path
    prune(dirname(path), keep)
  } catch (error) {
    giveUp(error)
  }
  const meta: RunLine = {
    type: 'run',
    id,
    ...start,
    ...caller(),
    controller: hostname(),
    pid: process.pid,
    begin: begin.toISOString(),
  }
  const from = meta.from === undefined ? '' : ` from ${meta.from}`
  return {
    id,
    by: `${whoRan({ run: meta })}${from}, run ${id}: fmc ${start.argv.join(' ')}`,
    file,
    on(event) {
      if (event.type === 'working') return
      if (event.type === 'version') write(`${safeJson(event)}\n${safeJson(meta)}\n`)
      else write(`${safeJson(lineOf(event, begin.getTime()))}\n`)
    },
    end(exitCode) {
      const last: EndLine = { type: 'end', exitCode, end: new Date().toISOString() }
      write(`${safeJson(last)}\n`)
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}

function lineOf(event: RecordedEvent, begin: number): EventLine {
  if (event.type !== 'task') return { ...event, at: Date.now() - begin }
  const { ended = Date.now(), ...task } = event
  delete (task as { about?: unknown }).about
  return { ...task, at: Math.max(0, ended - begin) }
}

function caller(): Pick<RunLine, 'user' | 'sudoUser' | 'from'> {
  const sudoUser = process.env['SUDO_USER']
  const user = ((): string => {
    try {
      return userInfo().username
    } catch {
      return `uid ${process.geteuid?.() ?? '?'}`
    }
  })()
  // sshd(8): "client ip-address, client port number, server ip-address, and server port number".
  const from = process.env['SSH_CONNECTION']?.split(' ')[0] ?? ''
  return { user, ...(sudoUser ? { sudoUser } : {}), ...(isIP(from) ? { from } : {}) }
}
