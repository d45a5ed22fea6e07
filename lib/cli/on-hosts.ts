import pLimit from 'p-limit'
import { EXIT, FmcError, UnreachableError } from '../errors.ts'
import { GarbledProbe } from '../facts/family.ts'
import type { Host } from '../inventory/types.ts'
import { insideLab } from '../lab/index.ts'
import { redactor } from '../secrets/redact.ts'
import { openSession } from '../ssh/index.ts'
import type { Session } from '../ssh/types.ts'
import { openContext, type Context } from './context.ts'
import { hostsOf, type Limited } from './limit.ts'
import { positive, type HostsOptions } from './options.ts'
import { printError } from './print.ts'

/** Takes secrets out of a text. */
export type Hide = (text: string) => string

/**
 * Opens a session to every host of a pattern and does `work` on each; `work` prints nothing but through `hide`, and gets the number
 * of hosts.
 * Prints failures. Resolves with the exit code: of the worst result of `work` and of the failures.
 */
export async function onHosts(
  pattern: string,
  o: Omit<HostsOptions, 'output'> & Limited,
  work: (host: Host, session: Session, hide: Hide, all: number) => Promise<number>,
): Promise<number> {
  const context = await openContext(o, await insideLab())
  return onEach(context, hostsOf(context.inventory, pattern, o), o.forks, work)
}

/** The same on hosts of a context that is open already. */
export async function onEach(
  context: Context,
  hosts: readonly Host[],
  forks: string,
  work: (host: Host, session: Session, hide: Hide, all: number) => Promise<number>,
): Promise<number> {
  const hide = redactor(context.secrets)
  const limit = pLimit(positive('--forks', forks))
  const codes = await Promise.all(
    hosts.map(host =>
      limit(async (): Promise<number> => {
        let session: Session | undefined
        try {
          session = (await openSession(context.targetOf(host))).session
          return await work(host, session, hide, hosts.length)
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown))
          const why = error instanceof GarbledProbe ? error.redacted(hide) : hide(error.message)
          const hint = error instanceof FmcError && error.hint !== undefined ? hide(error.hint) : ''
          printFailure(host, withoutName(host, why), hint)
          return error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed
        } finally {
          session?.close()
        }
      }),
    ),
  )
  return worst(codes)
}

/** A failure counts more than an unreachable host. */
const worst = (codes: readonly number[]): number =>
  [EXIT.failed, EXIT.unreachable].find(code => codes.includes(code)) ?? EXIT.ok

/** A message that begins with the host's name, for a line that begins with it too. */
export const withoutName = ({ name }: Host, message: string): string =>
  message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message

/** Further lines of an error are indented, so that they cannot pass for another host's. */
const printFailure = (host: Host, message: string, hint: string): void =>
  printError(
    `${host.name}: ${[message, ...(hint === '' ? [] : [hint])].join('\n').replaceAll('\n', '\n  ')}`,
  )
