import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { UsageError } from '../errors.ts'
import { debugDir } from '../record/index.ts'
import { redactor } from '../secrets/redact.ts'
import { allSecrets, type Secret } from '../secrets/secret.ts'
import type { OpenSession, Output } from '../ssh/types.ts'
import { cleanBlock, cleanLine } from '../text/sanitise.ts'
import { watchSessions } from './watched.ts'

/** Most characters of each script and answer. */
const MOST = 64 * 1024

/** Files come as base64 (lib/facts/path.ts): their content may be a secret that no role has read yet. */
const BASE64 = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{8,}={0,2}(?![A-Za-z0-9+/=])/g
const isFile = (script: string): boolean => /\bbase64\b/.test(script)

/** A content that is no plain text is written with octal numbers (lib/resources/file.ts). */
const octal = (text: string): string =>
  [...Buffer.from(text)].map(b => `\\${b.toString(8).padStart(3, '0')}`).join('')

/** Replaces the secrets, and in answers about files their content. `listed`: all secrets of this process. */
export function hider(
  listed: Iterable<Secret>,
): (script: string, texts: readonly string[]) => string[] {
  const redact = redactor(listed)
  return (script, texts) => {
    return texts.map((text, i) => {
      const plain =
        i > 0 && isFile(script) ? text.replace(BASE64, b => `‹${b.length} of base64›`) : text
      if (!/(\\[0-3][0-7]{2}){4}/.test(plain)) return redact(plain)
      const secrets = [...listed].map(s => octal(s.reveal())).filter(s => s.length > 12)
      return redact(secrets.reduce((rest, s) => rest.replaceAll(s, '‹secret›'), plain))
    })
  }
}

/** What fmc and the hosts say to each other, in one file per host, without secrets. */
export interface Conversation {
  /** The directory of the files. */
  readonly dir: string
  /** Opens sessions that are written down. */
  watch(open: OpenSession): OpenSession
  /** Resolves with why it is not complete, if it is not. */
  end(): Promise<string | undefined>
}

/** Of the run with this record. Throws UsageError when it cannot be written. */
export function openConversation(
  record: string | undefined,
  secrets: Iterable<Secret>,
): Conversation {
  if (record === undefined) throw new UsageError('--debug needs a run that is recorded')
  try {
    return recordConversation(debugDir(record), {
      *[Symbol.iterator]() {
        yield* secrets
        yield* allSecrets()
      },
    })
  } catch (error) {
    throw new UsageError(`--debug cannot write ${debugDir(record)}: ${(error as Error).message}`)
  }
}

/** Begins to write in a new directory, which only the user can read. Throws what the file system says. */
export function recordConversation(dir: string, secrets: Iterable<Secret>): Conversation {
  mkdirSync(dir, { mode: 0o700 })
  const files = new Map<string, number>()
  const hide = hider(secrets)
  let over = false
  let problem: string | undefined
  const write = (
    host: string,
    script: string,
    began: number,
    text: () => readonly [string, string][],
  ): void => {
    if (over || problem !== undefined) return
    let fd = files.get(host)
    if (fd === undefined) {
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
      const file = join(dir, `${encodeURIComponent(host)}.log`)
      files.set(host, (fd = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)))
    }
    const ms = Math.round(performance.now() - began)
    const parts = text()
    const shown = hide(script, [script, ...parts.map(([, content]) => content)])
    const titles = ['script', ...parts.map(([title]) => title)]
    const head = `=== ${new Date(Date.now() - ms).toISOString()} ${ms} ms\n`
    const body = titles.map((title, i) => block(title, shown[i] ?? '')).join('')
    writeSync(fd, head + body)
  }
  const heard = (host: string, script: string, answer: Promise<Output>): void => {
    const began = performance.now()
    // A role that makes a secret of an answer does so before the next turn of the event loop.
    const later = (text: () => readonly [string, string][]): void =>
      void turn()
        .then(() => turn())
        .then(() => write(host, script, began, text))
        .catch((error: unknown) => (problem = (error as Error).message))
    answer.then(
      ({ code, stdout, stderr }) =>
        later(() => [
          ['stdout', stdout],
          ['stderr', stderr],
          ['exit code', String(code)],
        ]),
      (error: unknown) => later(() => [['error', String(error)]]),
    )
  }
  return {
    dir,
    watch: open => watchSessions(open, heard),
    async end() {
      await turn()
      await turn()
      await turn()
      over = true
      for (const fd of files.values()) closeSync(fd)
      return problem
    },
  }
}

function block(title: string, text: string): string {
  if (text === '') return ''
  if (title === 'exit code') return `--- exit code ${cleanLine(text)}\n`
  const cut = text.length > MOST ? `${text.slice(0, MOST)}\n… (${text.length} characters)` : text
  const lines = cleanBlock(cut)
    .split('\n')
    .map(line => `  ${line}`)
  return `--- ${title}\n${lines.join('\n')}\n`
}
