import type { Readable, Writable } from 'node:stream'
import type { UnreachableError } from '../errors.ts'
import type { Connected } from './types.ts'

/** How a remote process ended. Neither code nor signal: the connection was lost. */
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
  /** Closes the channel at once. The remote process sees the end of its input and may run on. */
  destroy(): void
}

/** An authenticated way to start processes on one host: an ssh2 connection or an OpenSSH client. */
export interface Link {
  /** Starts `command` in the login shell. Rejects with UnreachableError. */
  exec(command: string): Promise<Pipe>
  /** The error that explains why a process of this link ended without an exit code. `said`: its stderr. */
  explain(said: string): Promise<UnreachableError>
  /** Transport and algorithms. Rejects with UnreachableError. */
  connected(): Promise<Connected>
  close(): void
}

/** Time and size limits of a session; tests shorten them. */
export interface Limits {
  /** A host that does not answer for `keepaliveMs` × `keepaliveCount` is unreachable. */
  readonly keepaliveMs: number
  readonly keepaliveCount: number
  /** Time for TCP and the SSH handshake, unless the target has its own. */
  readonly connectMs: number
  /** Time from the exec request to the shell's greeting, sudo included. */
  readonly enterMs: number
  /** Time from TERM to KILL. */
  readonly graceMs: number
  /** Default time limit of a command. */
  readonly commandMs: number
  /** An upload fails when the host accepts no byte for this long. */
  readonly idleMs: number
  /** Most bytes that one command may print on one stream. */
  readonly outputBytes: number
  /** Another file than ~/.ssh/config (ssh -F). */
  readonly sshConfig?: string | undefined
}

/** The limits of every session in production. */
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
