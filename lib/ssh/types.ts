import type { Secret } from '../secrets/secret.ts'

/** What one command left behind. `code` 128+n: ended by signal n. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How to reach a host; produced by the inventory, completed by `ssh -G` (lib/ssh/config.ts). */
export interface Target {
  /** Inventory name, for messages only. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly user: string
  /** Become root through one sudo. False when `user` is root. */
  readonly sudo: boolean
  /** Asked for only when sudo prompts. */
  readonly sudoPassword?: (() => Promise<Secret>) | undefined
  readonly identityFiles?: readonly string[] | undefined
  readonly knownHostsFiles?: readonly string[] | undefined
  /** Read besides those, or besides the configuration's. */
  readonly moreKnownHostsFiles?: readonly string[] | undefined
  /** Read ~/.ssh/config through `ssh -G` (default). The lab turns it off. */
  readonly useSshConfig?: boolean | undefined
  /** `auto` takes ssh2 unless it cannot do what the configuration asks for. */
  readonly transport?: 'auto' | 'ssh2' | 'openssh' | undefined
  readonly connectTimeoutMs?: number | undefined
  /** Aborted: nobody waits any more for an answer from its address. */
  readonly giveUp?: AbortSignal | undefined
}

export interface RunOptions {
  /** Default 10 minutes. The remote process group is ended when it is exceeded, and the promise rejects with TaskError. */
  readonly timeoutMs?: number | undefined
  /**
   * Most bytes that it may print on each stream; what prints more is ended as if its time were over. At most 16 MB
   * (Limits.outputBytes), which is also the default.
   */
  readonly maxBytes?: number | undefined
  /** Keep only so many of the last bytes of each stream. Then it may print 64 MB. */
  readonly lastBytes?: number | undefined
  /** Standard input; /dev/null when absent. Never part of argv. */
  readonly input?: string | Buffer | undefined
  /** The script spells marks (word.ts): the shell gets the session's word as a variable. No other script finds it there. */
  readonly marked?: boolean | undefined
}

/** One long-lived root `sh` on a host. Scripts run one after another, in order of the calls. */
export interface Session {
  readonly target: Target
  /** Round trips so far. */
  readonly trips: number
  /** Drawn by the remote shell, in no argument list there: marks that are made of it cannot be forged (word.ts). */
  readonly word: string
  /** Process id of the remote shell (0 until known). */
  readonly shellPid: number
  /** The session has ended, whatever ended it: nothing runs here any more. */
  readonly lost: boolean
  /**
   * Run a script in the persistent shell itself (no fork). It must not `exit` or `set -e` outside a subshell.
   * Rejects with UnreachableError when the connection is lost or the session is closed; a non-zero exit is a result.
   */
  run(script: string, options?: RunOptions): Promise<Output>
  /**
   * Streams a file of this machine to the private directory beside `remotePath` (lib/shell/staging.ts), over a channel of
   * its own, and checks its size. `resume` goes on from there.
   */
  upload(localFile: string, remotePath: string): Promise<void>
  /** End what is running now: signals its process group from a second session. */
  interrupt(signal?: 'TERM' | 'KILL'): Promise<void>
  close(): void
}

/**
 * Opens a session. `boot` is the first script; it travels inside the exec request and costs no extra round trip. `ps` shows
 * it to every local user there: it holds no secret, and only spells its marks.
 */
export type OpenSession = (
  target: Target,
  boot?: string,
  options?: Pick<RunOptions, 'timeoutMs' | 'maxBytes'>,
) => Promise<{ session: Session; first: Promise<Output> | undefined }>
