import type { Readable, Writable } from 'node:stream'
import type { UnreachableError } from '../errors.ts'

/** How a remote process ended. No code and no signal: the connection went away under it. */
export interface Ending {
  readonly code: number | undefined
  readonly signal: string | undefined
}

/** One remote process: its three streams and its end (which comes after all output). */
export interface Pipe {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly ended: Promise<Ending>
  /** Drops the channel at once; the remote process sees the end of its input and goes on. */
  destroy(): void
}

/** An authenticated way to start processes on one host: an ssh2 connection or an OpenSSH client. */
export interface Link {
  /** Starts `command` in the login shell. Rejects with UnreachableError. */
  exec(command: string): Promise<Pipe>
  /** Why a process of this link ended without an exit code. `said`: what it printed on stderr. */
  explain(said: string): Promise<UnreachableError>
  close(): void
}

/** Time and size limits of a session; tests shorten them. */
export interface Limits {
  /** A host that answers nothing for `keepaliveMs` × `keepaliveCount` is unreachable. */
  readonly keepaliveMs: number
  readonly keepaliveCount: number
  /** Time for TCP and the SSH handshake, unless the target says otherwise. */
  readonly connectMs: number
  /** Time from the exec request to the shell's greeting; sudo is in it. */
  readonly enterMs: number
  /** Time a command has to obey TERM before it gets KILL. */
  readonly graceMs: number
  /** Time limit of a command that sets none. */
  readonly commandMs: number
  /** An upload that moves no byte for so long has failed. */
  readonly idleMs: number
  /** Most that one command may print on one stream, when less is not said. */
  readonly outputBytes: number
  /** Another file than ~/.ssh/config (ssh -F). */
  readonly sshConfig?: string | undefined
}

export const LIMITS: Limits = {
  keepaliveMs: 5_000,
  keepaliveCount: 3,
  connectMs: 10_000,
  enterMs: 60_000,
  graceMs: 3_000,
  commandMs: 600_000,
  idleMs: 60_000,
  outputBytes: 16 * 1024 * 1024,
}
