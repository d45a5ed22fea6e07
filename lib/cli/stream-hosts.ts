import pLimit from 'p-limit'
import { EXIT, UnreachableError, UsageError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { insideLab } from '../lab/index.ts'
import { redactor } from '../secrets/redact.ts'
import { runStreamed, type StreamEnd } from '../ssh/index.ts'
import { openContext } from './context.ts'
import { hostsOf, type Limited } from './limit.ts'
import { withoutName } from './on-hosts.ts'
import { positive, type HostsOptions } from './options.ts'
import { jsonView, textView, type HostEnd } from './stream-view.ts'
import { SharedInput } from './shared-input.ts'
import { listenForSignals } from './signals.ts'
import { standardInput } from './print.ts'

export interface StreamHostsOptions extends HostsOptions, Limited {
  /** Name of the user on the host. */
  readonly become?: string | undefined
}

/** What to run on each host. */
export interface Work {
  readonly script: string
  /** Every host gets this process's standard input, unless it is a terminal. */
  readonly input: boolean
  readonly timeoutSeconds?: number | undefined
  /** After Ctrl-C the command has done what it was for, as `logs -f` has. */
  readonly endless?: boolean | undefined
}

/** useradd(8)'s rule for names, with capitals and dots, which directory services have. */
const USER = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/

/**
 * Runs a script on every host of a pattern and shows its output as it arrives, every line with the host's name before it,
 * then how each host ended. Resolves with the exit code: 2 if the command failed on a host, 4 if a host was unreachable.
 */
export async function streamHosts(
  pattern: string,
  o: StreamHostsOptions,
  work: Work,
): Promise<number> {
  const forks = positive('--forks', o.forks)
  if (o.become !== undefined && !USER.test(o.become))
    throw new UsageError(`--become ${o.become}: this is no name of a user`)
  const context = await openContext(o, await insideLab())
  const hosts = hostsOf(context.inventory, pattern, o)
  for (const host of hosts) demandRoot(host, o.become, context.targetOf(host))
  const hide = redactor(context.secrets)
  const view = await (o.output === 'json' ? jsonView : textView)(hosts, hide)
  const input = work.input ? standardInput() : undefined
  const shared = input && new SharedInput(input)
  const signals = listenForSignals('ending the command on the hosts; press Ctrl-C again to leave')
  const limit = pLimit(forks)
  try {
    const ends = await Promise.all(
      hosts.map(host =>
        limit(async (): Promise<HostEnd> => {
          if (signals.stop.aborted) return { host, kind: 'not started' }
          const begun = Date.now()
          const end = await runStreamed(
            { ...context.targetOf(host), giveUp: signals.stop },
            work.script,
            {
              onOutput: (stream, bytes) => view.output(host, stream, bytes),
              input: shared?.reader(),
              asUser: o.become,
              timeoutMs: work.timeoutSeconds === undefined ? undefined : work.timeoutSeconds * 1000,
              stop: signals.stop,
              giveUp: signals.kill,
            },
          ).then(
            ended => endOf(host, ended),
            (error: unknown) => failureOf(host, error, signals.stop.aborted, hide),
          )
          const timed = { ...end, seconds: (Date.now() - begun) / 1000 }
          view.ended(timed)
          return timed
        }),
      ),
    )
    view.summary(ends, work)
    return exitCodeOf(ends, signals.stop.aborted, work)
  } finally {
    shared?.close()
    signals.off()
  }
}

const demandRoot = (
  host: Host,
  become: string | undefined,
  { user, sudo }: { readonly user: string; readonly sudo: boolean },
): void => {
  if (become === undefined || sudo || user === 'root' || user === become) return
  throw new UsageError(
    `${host.name}: only root can run a command as ${become}, and fmc logs in as ${user} without sudo`,
    { hint: 'set ssh: { sudo: true } in the inventory' },
  )
}

const endOf = (host: Host, { code, ended }: StreamEnd): HostEnd => {
  if (ended === 'timeout') return { host, kind: 'timed out' }
  if (ended === 'stop') return { host, kind: 'interrupted' }
  return { host, kind: 'exit', code }
}

const failureOf = (
  host: Host,
  error: unknown,
  stopped: boolean,
  hide: (text: string) => string,
): HostEnd => {
  if (stopped) return { host, kind: 'interrupted' }
  const { message, hint } = error as Error & { hint?: string | undefined }
  return {
    host,
    kind: error instanceof UnreachableError ? 'unreachable' : 'failed',
    why: withoutName(host, hide(message)),
    hint: hint === undefined ? undefined : hide(hint),
  }
}

const exitCodeOf = (ends: readonly HostEnd[], stopped: boolean, { endless }: Work): number => {
  if (stopped && !endless) return EXIT.interrupted
  const kinds = new Set(ends.map(e => (e.kind === 'exit' && e.code === 0 ? 'ok' : e.kind)))
  if (kinds.has('exit') || kinds.has('failed') || kinds.has('timed out')) return EXIT.failed
  return kinds.has('unreachable') ? EXIT.unreachable : EXIT.ok
}
