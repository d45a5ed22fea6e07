import { setTimeout as sleep } from 'node:timers/promises'
import type { Cell } from './cells.ts'
import type { Hands, Injection } from './wire.ts'

/** How long fmc hears nothing. In a real connection that would be seconds. */
const STALL_MS = 400

/** What a fault needs from the one who plays the case. */
export interface Means {
  /** Ctrl-C, and again. */
  readonly stop: AbortController
  readonly kill: AbortController
  /** Ends the process that runs fmc. */
  readonly die: () => void
  /** Starts a second run, and waits for its end. */
  readonly second: () => Promise<void>
  /** Changes something by hand. */
  readonly edit: () => Promise<void>
}

/** The end of every command of a session whose word somebody could guess. */
const IMITATED = Buffer.from(
  Array.from({ length: 40 }, (_, n) => `\x1e00000000-0000-4000-8000-000000000000:${n}:000;`).join(
    '',
  ) + '\n\x1e',
)

/** How a case's fault happens. */
export function injectionOf(cell: Cell, means: Means): Injection {
  const { at, fault } = cell
  const inside = typeof at.when === 'number'
  const act = (work: (hands: Hands) => Promise<void> | void): Injection => ({
    at,
    act: work,
    ...(inside ? { rule: 'hold' } : {}),
  })
  const rule = (text: string): Injection => ({ at, rule: text })
  const answer = (change: (chunk: Buffer) => Buffer): Injection =>
    act(({ process }) => process?.tamper(change))
  switch (fault) {
    case 'runner killed':
      return act(means.die)
    case 'interrupted once':
      return act(() => means.stop.abort())
    case 'interrupted twice':
      return act(async () => {
        means.stop.abort()
        await sleep(10)
        means.kill.abort()
        await sleep(50)
      })
    case 'connection reset':
    case 'acknowledgement lost':
      return act(({ link }) => link?.break())
    case 'connection dark':
      return act(async ({ link }) => {
        link?.darken()
        await sleep(STALL_MS)
        link?.forget()
      })
    case 'connection stalls':
      return act(({ link }) => {
        for (const process of link?.processes ?? []) process.hold()
        setTimeout(() => link?.processes.forEach(p => p.release()), STALL_MS)
      })
    case 'second fmc':
      return act(means.second)
    case 'edited meanwhile':
      return act(means.edit)
    case 'content refused':
    case 'role not idempotent':
      return act(() => undefined)
    case 'answer cut':
      return act(async ({ process, link }) => {
        let left = 7
        process?.tamper(chunk => {
          const some = chunk.subarray(0, left)
          left -= some.length
          return some
        })
        await sleep(STALL_MS)
        link?.break()
      })
    case 'answer with NUL':
      return answer(chunk => Buffer.concat([Buffer.from('\0\0\xff\xfe\n', 'latin1'), chunk]))
    case 'answer imitates':
      return answer(chunk => Buffer.concat([IMITATED, chunk]))
    case 'answer too long':
      return answer(chunk => Buffer.concat([Buffer.alloc(20 * 1024 * 1024, 'x'), chunk]))
    case 'host crashed':
      return inside
        ? rule('crash')
        : act(async ({ host, link }) => {
            await host.sh('kill -9 -1')
            link?.break()
          })
    case 'power cut':
      return rule('crash')
    case 'process killed':
      return rule('process')
    case 'shell killed':
      return inside
        ? rule('shell')
        : act(async ({ process }) => {
            await process?.killShell()
          })
    case 'disk full':
      return rule('errors 28')
    case 'disk full once':
      return rule('error 28')
    case 'input/output error':
      return rule('error 5')
    case 'read-only':
      return rule('errors 30')
  }
}
