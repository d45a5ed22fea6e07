import type { Secret } from '../secrets/secret.ts'
import type { Output } from './output.ts'

export type { Output } from './output.ts'

/** How to reach a host. The inventory provides it; `ssh -G` completes it (lib/ssh/config.ts). */
export interface Target {
  /** Inventory name, for messages only. */
  readonly name: string
  readonly address: string
  /** Another name under which ssh_config may know the host; its stanzas count too (selection.ts). */
  readonly alias?: string | undefined
  readonly port: number
  readonly user: string
  /** Which of port and user are ssh_config's: fmc does not tell ssh these, as in `ssh HOST`. */
  readonly asked?: readonly ('user' | 'port')[] | undefined
  /** Become root through sudo. False when `user` is root. */
  readonly sudo: boolean
  /** Called only when sudo asks for a password. */
  readonly sudoPassword?: (() => Promise<Secret>) | undefined
  readonly identityFiles?: readonly string[] | undefined
  readonly knownHostsFiles?: readonly string[] | undefined
  /** Read in addition to those, or to the configured ones. */
  readonly moreKnownHostsFiles?: readonly string[] | undefined
  /** Read ~/.ssh/config through `ssh -G` (default). The lab turns it off. */
  readonly useSshConfig?: boolean | undefined
  /** `auto` (default) uses ssh2 unless the configuration needs OpenSSH. */
  readonly transport?: 'auto' | 'ssh2' | 'openssh' | undefined
  /** Called when `auto` takes OpenSSH; `why`: what ssh2 cannot do. */
  readonly onOpenssh?: ((why: string) => void) | undefined
  readonly connectTimeoutMs?: number | undefined
  /** Aborting it cancels the connection attempt. */
  readonly giveUp?: AbortSignal | undefined
  /** Called when nothing has answered at the host's address for a moment. Not through a jump host, nor by OpenSSH. */
  readonly onSilent?: (() => void) | undefined
}

/** How to run one script in a session. */
export interface ScriptOptions {
  /** Default 10 minutes. After it fmc ends the remote process group, and the promise rejects with TaskError. */
  readonly timeoutMs?: number | undefined
  /**
   * Most bytes that the script may print on each stream; fmc ends one that prints more, as after the time limit. Default
   * and maximum: 16 MB (Limits.outputBytes).
   */
  readonly maxBytes?: number | undefined
  /** Keep only this many bytes of each stream, the last ones. The script may then print 64 MB. */
  readonly lastBytes?: number | undefined
  /** Standard input; default /dev/null. It is never in an argument list. */
  readonly input?: string | Buffer | undefined
  /** Gets the last complete line that the script has printed on either stream, while it runs. It may contain secrets. */
  readonly onLine?: ((line: string) => void) | undefined
  /** The script spells marks (word.ts): the shell gets the session's word as a variable, which it unsets before other scripts. */
  readonly marked?: boolean | undefined
}

/** How a session is connected. */
export interface Connected {
  readonly transport: 'ssh2' | 'openssh'
  /** Why it is OpenSSH; undefined for ssh2, and when the inventory asks for OpenSSH. */
  readonly why: string | undefined
  /** Names of the algorithms that host and client agreed upon; undefined: ssh did not say. */
  readonly kex: string | undefined
  readonly hostKey: string | undefined
  /** From the host to fmc; some ciphers need no MAC. */
  readonly cipher: string | undefined
  readonly mac: string | undefined
}

/** One long-lived root `sh` on a host. Scripts run one after another, in order of the calls. */
export interface Session {
  readonly target: Target
  /** Round trips so far. */
  readonly trips: number
  /**
   * Random word that the remote shell has drawn. It is in no argument list there, so marks made of it cannot be forged
   * (word.ts).
   */
  readonly word: string
  /** Process id of the remote shell. */
  readonly shellPid: number
  /** The session has ended, for whatever reason; it runs nothing any more. */
  readonly lost: boolean
  /**
   * Run a script in the persistent shell itself (no fork). It must not `exit` or `set -e` outside a subshell.
   * Rejects with UnreachableError when the connection is lost or the session is closed; a non-zero exit is a result.
   */
  run(script: string, options?: ScriptOptions): Promise<Output>
  /**
   * Streams a file of this machine into the private directory beside `remotePath` (lib/shell/staging.ts), over a channel of
   * its own, and checks its size. `resume` then continues with it. `onBytes` gets how many bytes are on their way, of how many.
   */
  upload(
    localFile: string,
    remotePath: string,
    onBytes?: (sent: number, size: number) => void,
  ): Promise<void>
  /** Transport and algorithms. With OpenSSH it takes a connection of its own. Rejects with UnreachableError. */
  connected(): Promise<Connected>
  /** End the running script: a second session signals its process group. */
  interrupt(signal?: 'TERM' | 'KILL'): Promise<void>
  close(): void
}

/**
 * Opens a session. `boot` is the first script; it travels inside the exec request and costs no extra round trip. `ps` shows
 * it to every local user of the host, so it must contain no secret and only spell its marks.
 */
export type OpenSession = (
  target: Target,
  boot?: string,
  options?: Pick<ScriptOptions, 'timeoutMs' | 'maxBytes'>,
) => Promise<{ session: Session; first: Promise<Output> | undefined }>
