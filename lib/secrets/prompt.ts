import { closeSync, openSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { EXIT, FmcError, UsageError } from '../errors.ts'
import { cleanLine } from '../text/sanitise.ts'

/** Asks a person for a text that the terminal does not show. */
export type Ask = (question: string) => Promise<string>

const ENTER = /[\r\n]/
const CTRL = { c: '\u0003', d: '\u0004', u: '\u0015', backspace: '\u007f', h: '\b' } as const

/** The typed text after some more keys, and whether it is finished. */
export const typed = (
  before: string,
  keys: string,
): { readonly text: string; readonly state: 'more' | 'done' | 'interrupted' } => {
  const text = Array.from(before)
  for (const key of keys) {
    if (key === CTRL.c) return { text: '', state: 'interrupted' }
    if (ENTER.test(key) || key === CTRL.d) return { text: text.join(''), state: 'done' }
    if (key === CTRL.u) text.length = 0
    else if (key === CTRL.backspace || key === CTRL.h) text.pop()
    else text.push(key)
  }
  return { text: text.join(''), state: 'more' }
}

/** Asks on /dev/tty without echo, whatever stdin and stdout are. Rejects with UsageError if there is no terminal. */
export const askHidden: Ask = question =>
  new Promise((resolve, reject) => {
    const tty = openTerminal(question)
    const input = new ReadStream(tty.input)
    input.setEncoding('utf8').setRawMode(true)
    writeSync(tty.output, cleanLine(question))
    let answer = ''
    const end = (settle: () => void): void => {
      input.setRawMode(false)
      input.destroy()
      writeSync(tty.output, '\n')
      closeSync(tty.output)
      settle()
    }
    input.on('data', (keys: Buffer | string) => {
      const { text, state } = typed(answer, String(keys))
      answer = text
      if (state === 'done') end(() => resolve(text))
      else if (state === 'interrupted')
        end(() => reject(new FmcError('interrupted', { exitCode: EXIT.interrupted })))
    })
    input.once('error', () => end(() => reject(new UsageError('the terminal was closed'))))
    input.once('end', () => end(() => reject(new UsageError('the terminal was closed'))))
  })

const openTerminal = (question: string): { input: number; output: number } => {
  try {
    return { input: openSync('/dev/tty', 'r+'), output: openSync('/dev/tty', 'w') }
  } catch {
    const what = question.replace(/[:?\s]+$/, '')
    throw new UsageError(`there is no terminal to ask for: ${what}`, {
      hint: question.startsWith('sudo')
        ? 'without a terminal, log in as root (ssh.user in the inventory) or allow NOPASSWD in /etc/sudoers.d on the host'
        : 'passphrase: FMC_AGE_PASSPHRASE_FILE; value: on stdin',
    })
  }
}
