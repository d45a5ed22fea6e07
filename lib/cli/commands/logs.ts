import { UsageError } from '../../errors.ts'
import { quote, quoteAll } from '../../shell/quote.ts'
import type { StreamHostsOptions } from '../stream-hosts.ts'
import {
  addHostsOptions,
  inLabIfAsked,
  noRoles,
  positive,
  repeated,
  type AddCommand,
} from '../options.ts'

interface Options extends StreamHostsOptions {
  readonly follow?: boolean
  readonly lines: string
  readonly since?: string
}

/** `fmc logs PATTERN UNIT…`: the journal of systemd units on many hosts. */
export const logs: AddCommand = (program, runs) => {
  addHostsOptions(
    program
      .command('logs <pattern> <unit...>')
      .description('the log of systemd units on hosts; -f shows new lines until Ctrl-C'),
  )
    .option('-f, --follow', 'show new lines as they come, until Ctrl-C')
    .option('-n, --lines <n>', 'begin with the last n lines', '50')
    .option('--since <time>', "all lines since then: '10 min ago', 'today', '2026-11-30 08:00'")
    .option('-l, --limit <pattern>', 'only these hosts of the pattern (repeatable)', repeated)
    .addHelpText(
      'after',
      `
Examples:
  fmc logs loadbalancers haproxy keepalived -f
  fmc logs postgresql1 postgresql --since '1 hour ago'`,
    )
    .action((pattern: string, units: string[], o: Options) =>
      runs(inLabIfAsked(o, () => showLogs(pattern, units, o), noRoles)),
    )
}

/** systemd.unit(5): letters, digits and :-_.\\@, at most 255 characters; globs as journalctl(1) takes them. */
const UNIT = /^[A-Za-z0-9*?[:_.\\@][A-Za-z0-9*?[\]:_.\\@-]{0,254}$/

/** Shell text that prints the log of units. Throws UsageError for what is no unit, number or time. */
export function logScript(
  units: readonly string[],
  { lines, since, follow }: Pick<Options, 'lines' | 'since' | 'follow'>,
): string {
  const wrong = units.find(unit => !UNIT.test(unit))
  if (wrong !== undefined)
    throw new UsageError(`${wrong}: this is no name of a systemd unit`, {
      hint: 'fmc logs PATTERN UNIT, such as fmc logs workers sshd',
    })
  const last = positive('--lines', lines)
  if (since !== undefined && (/^-/.test(since) || /[\p{C}]/u.test(since) || since.trim() === ''))
    throw new UsageError(
      `--since ${since}: expected a time such as '10 min ago' or '2026-11-30 08:00'`,
    )
  // exec: so that Ctrl-C's signal ends journalctl itself.
  return [
    'exec journalctl --no-pager --quiet --output=short-iso',
    ...units.map(unit => `--unit=${quote(unit)}`),
    // journalctl(1) shows all lines since a time only without --lines.
    ...(since === undefined ? [`--lines=${last}`] : [quoteAll([`--since=${since}`])]),
    ...(follow ? [since === undefined ? '--follow' : '--follow --no-tail'] : []),
  ].join(' ')
}

async function showLogs(pattern: string, units: readonly string[], o: Options): Promise<number> {
  const script = logScript(units, o)
  if (o.follow && o.output === 'json')
    throw new UsageError('--output json needs an end, and --follow has none', {
      hint: 'leave out --follow, or --output json',
    })
  const { streamHosts } = await import('../stream-hosts.ts')
  return streamHosts(pattern, o, { script, input: false, endless: true })
}
