import pLimit from 'p-limit'
import { EXIT, UnreachableError, UsageError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { cleanLine } from '../report/sanitise.ts'
import { quote } from '../shell/quote.ts'
import type { Output, Session } from '../ssh/types.ts'
import { openContext, positive, type CommonOptions } from './context.ts'
import { insideLab } from '../lab/inside.ts'
import { print, printError, printJson } from './print.ts'

export interface AdHocOptions extends CommonOptions {
  readonly forks: string
  readonly output?: 'tty' | 'plain' | 'json'
}

/** Takes secrets out of a text. */
type Hide = (text: string) => string

/** Sessions to the hosts of a pattern; `work` runs on each, failures are told by `fail`. Both show nothing but through `hide`. */
async function onHosts(
  pattern: string,
  o: AdHocOptions,
  work: (host: Host, session: Session, hide: Hide) => Promise<void>,
  fail: (host: Host, error: Error, message: string) => void,
): Promise<void> {
  const [{ matchHosts }, { openSession }, { redactor }, { GarbledProbe }, lab] = await Promise.all([
    import('../inventory/patterns.ts'),
    import('../ssh/index.ts'),
    import('../secrets/redact.ts'),
    import('../facts/family.ts'),
    insideLab(),
  ])
  const context = await openContext(o, lab)
  const hide = redactor(context.secrets)
  const hosts = matchHosts(context.inventory, pattern)
  if (hosts.length === 0) throw new UsageError(`${pattern} matches no host`)
  const limit = pLimit(positive('--forks', o.forks))
  await Promise.all(
    hosts.map(host =>
      limit(async () => {
        let session: Session | undefined
        try {
          session = (await openSession(context.targetOf(host))).session
          await work(host, session, hide)
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown))
          fail(host, error, error instanceof GarbledProbe ? error.told(hide) : hide(error.message))
        } finally {
          session?.close()
        }
      }),
    ),
  )
}

const trimmed = (text: string): string => text.replace(/(\r?\n)+$/, '')

/** A value of JSON whose texts have gone through `hide`. */
const redactedIn = (value: unknown, hide: Hide): unknown =>
  JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === 'string' ? hide(part) : part,
  )

/** Lines that a host adds to an error stand below its own, so that they cannot pass for another host's. */
const printFailure = (host: Host, message: string): void =>
  printError(`${host.name}: ${message.replaceAll('\n', '\n  ')}`)

/** `fmc run PATTERN -- CMD`: one command on many hosts. It is neither locked nor predicted. */
export async function runCommand(
  pattern: string,
  words: readonly string[],
  o: AdHocOptions,
): Promise<number> {
  if (words.length === 0)
    throw new UsageError('fmc run needs a command', { hint: 'fmc run PATTERN -- COMMAND' })
  const command = words.length === 1 ? (words[0] ?? '') : words.map(quote).join(' ')
  let worst: number = EXIT.ok
  const show = (host: Host, output: Output, hide: Hide): void => {
    const { code } = output
    const [stdout, stderr] = [hide(output.stdout), hide(output.stderr)]
    if (code !== 0) worst = EXIT.failed
    if (o.output === 'json') return printJson({ host: host.name, code, stdout, stderr })
    print(
      [`${host.name} | exit ${code}`, ...[stdout, stderr].map(trimmed).filter(Boolean)].join('\n'),
    )
  }
  await onHosts(
    pattern,
    o,
    async (host, session, hide) =>
      show(host, await session.run(`( eval ${quote(command)} )`), hide),
    (host, error, message) => {
      worst =
        error instanceof UnreachableError && worst !== EXIT.failed ? EXIT.unreachable : EXIT.failed
      printFailure(host, message)
    },
  )
  return worst
}

/** `fmc facts PATTERN`: what the hosts say about themselves. */
export async function factsCommand(pattern: string, o: AdHocOptions): Promise<number> {
  const { ask, batch } = await import('../facts/index.ts')
  let worst: number = EXIT.ok
  await onHosts(
    pattern,
    o,
    async (host, session, hide) => {
      const questions = batch([ask('system', ''), ask('identity', '')])
      const facts = questions.parse(
        await session.run(questions.script, { marked: true }),
        session.word,
      )
      const system = facts.get('system:') as import('../facts/index.ts').SystemFact
      const identity = facts.get('identity:') as import('../facts/index.ts').IdentityFact
      if (o.output === 'json')
        return printJson(redactedIn({ host: host.name, ...identity, ...system }, hide))
      const line = `${host.name.padEnd(16)} ${system.os['PRETTY_NAME'] ?? system.os['ID'] ?? '?'}, Linux ${system.kernel} ${system.machine}, ${system.cpus} CPU, ${system.memoryMb} MB, ${identity.timezone || 'no time zone'}, ${system.addresses.join(' ')}`
      print(cleanLine(hide(line)))
    },
    (host, error, message) => {
      worst = error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed
      printFailure(host, message)
    },
  )
  return worst
}
