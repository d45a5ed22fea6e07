import { randomBytes } from 'node:crypto'
import { UnreachableError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import type { Limits, Pipe } from './link.ts'
import type { Target } from './types.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin'

/** A command for `Link.exec` and the secrets by which its answers are known. */
export interface Entry {
  readonly command: string
  readonly token: string
  readonly prompt: string
}

/** The shell that greeted. Its streams are paused and start right after the greeting. */
export interface Entered {
  readonly pid: number
  readonly pgid: number
}

/** The environment every script sees: no login profile, no locale, a fixed PATH. */
const environment = (root: boolean): string =>
  `LC_ALL=C PATH=${PATH}${root ? ' HOME=/root' : ''}; export LC_ALL PATH HOME; ` +
  `unset ENV BASH_ENV CDPATH LANGUAGE GREP_OPTIONS POSIXLY_CORRECT TMPDIR; umask 022; cd /`

/** Greets on both streams with pid and process group (builtins only; the group is the third field after the name in stat). */
const greeting = (token: string): string =>
  `{ read -r _fmc </proc/$$/stat; } 2>/dev/null; set -- \${_fmc##*) }; ` +
  `printf '\\036${token}:0:%d:%d;' "$$" "\${3:-$$}"; printf '\\036${token}:0;' >&2; set --`

/**
 * The exec request that becomes root (through sudo if the target says so), greets, then runs `body`.
 * sudo gets a random prompt: only who sees exactly that prompt may send the password.
 */
export const entry = (target: Target, body: (token: string) => string): Entry => {
  const token = randomBytes(12).toString('hex')
  const prompt = `[fmc ${randomBytes(12).toString('hex')}] `
  const root = target.sudo || target.user === 'root'
  const script = `${environment(root)}\n${greeting(token)}\n${body(token)}`
  const sudo = target.sudo ? `export LC_ALL=C; exec sudo -S -p ${quote(prompt)} --` : 'exec'
  return { command: `${sudo} /bin/sh -c '${script.replaceAll("'", `'\\''`)}'`, token, prompt }
}

/** Waits for the greeting, answering sudo's prompt once. Rejects with UnreachableError; the pipe is then destroyed. */
export const enter = (pipe: Pipe, target: Target, how: Entry, limits: Limits): Promise<Entered> =>
  new Promise((resolve, reject) => {
    const greet = new RegExp(`\\x1e${how.token}:0:(\\d+):(\\d+);`)
    const greetErr = `\x1e${how.token}:0;`
    let out: Buffer = Buffer.alloc(0)
    let err: Buffer = Buffer.alloc(0)
    let asked = 0
    let over = false

    const finish = (): boolean => {
      if (over) return false
      over = true
      clearTimeout(timer)
      pipe.stdout.off('data', onOut)
      pipe.stderr.off('data', onErr)
      return true
    }
    const fail = (error: Error): void => {
      if (!finish()) return
      pipe.destroy()
      reject(error)
    }
    const said = (): string => err.toString('utf8').replaceAll(how.prompt, '').trim()
    const check = (): void => {
      const match = greet.exec(out.toString('latin1'))
      const errAt = err.indexOf(greetErr)
      if (!match || errAt < 0 || !finish()) return
      const [text, pid, pgid] = match
      for (const [stream, rest] of [
        [pipe.stdout, out.subarray(match.index + text.length)],
        [pipe.stderr, err.subarray(errAt + greetErr.length)],
      ] as const) {
        stream.pause()
        if (rest.length > 0) stream.unshift(rest)
      }
      resolve({ pid: Number(pid), pgid: Number(pgid) })
    }
    const prompted = (): void => {
      asked++
      if (asked > 1) {
        fail(sudoError(target, 'the password was not accepted'))
      } else if (target.sudoPassword) {
        target.sudoPassword().then(
          password => over || pipe.stdin.write(`${password}\n`),
          (error: unknown) => fail(error instanceof Error ? error : new Error(String(error))),
        )
      } else {
        fail(
          sudoError(
            target,
            'a password is required',
            'give it with -K (--ask-become-pass), or allow NOPASSWD',
          ),
        )
      }
    }
    const onOut = (chunk: Buffer): void => {
      out = Buffer.concat([out, chunk])
      check()
    }
    const onErr = (chunk: Buffer): void => {
      const before = count(err, how.prompt)
      err = Buffer.concat([err, chunk])
      if (target.sudo && count(err, how.prompt) > before) prompted()
      if (!over) check()
    }
    const timer = setTimeout(
      () => fail(notEntered(target, `no shell within ${limits.enterMs / 1000} s`, said())),
      limits.enterMs,
    )
    pipe.stdout.on('data', onOut)
    pipe.stderr.on('data', onErr)
    void pipe.ended.then(({ code, signal }) => {
      fail(notEntered(target, ended(code, signal), said(), asked > 0))
    })
  })

const count = (text: Buffer, word: string): number => text.toString('latin1').split(word).length - 1

const ended = (code: number | undefined, signal: string | undefined): string =>
  code === undefined && signal === undefined
    ? 'the connection was closed'
    : `it ended with ${signal ?? `exit ${code ?? 0}`}`

const sudoError = (target: Target, what: string, hint?: string): UnreachableError =>
  new UnreachableError(`${target.name}: sudo for ${target.user}: ${what}`, { hint })

/** What the login said instead of a greeting, in our words where they are known. */
const notEntered = (target: Target, how: string, said: string, asked = false): UnreachableError => {
  const text = said.slice(-2000)
  if (target.sudo) {
    if (/must have a tty/.test(text)) {
      return sudoError(
        target,
        'it demands a terminal',
        `remove requiretty for ${target.user} in /etc/sudoers: Defaults:${target.user} !requiretty`,
      )
    }
    if (asked && /incorrect password|Authentication failure|try again/.test(text)) {
      return sudoError(target, 'the password was not accepted')
    }
    if (/not in the sudoers file|not allowed to/.test(text))
      return sudoError(target, `not allowed (${text})`)
    if (/sudo: (command )?not found/.test(text))
      return sudoError(target, 'sudo is not installed', 'connect as root, or install sudo')
  }
  return new UnreachableError(`${target.name}: no root shell: ${how}${text ? `: ${text}` : ''}`)
}
