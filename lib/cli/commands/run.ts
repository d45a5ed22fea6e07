import { UsageError } from '../../errors.ts'
import { quote } from '../../shell/quote.ts'
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
  readonly timeout?: string
}

/** Node's timers end at once after a longer time. */
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000)

/** `fmc run PATTERN -- COMMAND`: one command on many hosts. It takes no lock and predicts nothing. */
export const run: AddCommand = (program, runs) => {
  addHostsOptions(
    program
      .command('run <pattern> [command...]')
      .description(
        'run one command on many hosts: fmc run PATTERN -- COMMAND. What is piped in goes to every host',
      ),
  )
    .option('-l, --limit <pattern>', 'only these hosts of the pattern (repeatable)', repeated)
    .option('--become <user>', 'run as this user of the host instead of root')
    .option('--timeout <seconds>', 'end the command on a host after this time')
    .addHelpText(
      'after',
      `
Examples:
  fmc run workers -- uptime
  fmc run databases --become postgres --timeout 60 -- psql -c 'select now()'
  tar -c app | fmc run web -- tar -x -C /srv

One word after -- is shell text (fmc run all -- 'df -h | tail -1'); several
words are one command.`,
    )
    .action((pattern: string, words: string[], o: Options) =>
      runs(inLabIfAsked(o, () => runCommand(pattern, words, o), noRoles)),
    )
}

async function runCommand(pattern: string, words: readonly string[], o: Options): Promise<number> {
  if (words.length === 0)
    throw new UsageError('fmc run needs a command', { hint: 'fmc run PATTERN -- COMMAND' })
  const script = words.length === 1 ? (words[0] ?? '') : words.map(quote).join(' ')
  const timeoutSeconds = o.timeout === undefined ? undefined : positive('--timeout', o.timeout)
  if (timeoutSeconds !== undefined && timeoutSeconds > MOST_SECONDS)
    throw new UsageError(`--timeout ${timeoutSeconds}: expected at most ${MOST_SECONDS} (24 days)`)
  const { streamHosts } = await import('../stream-hosts.ts')
  return streamHosts(pattern, o, { script, input: true, timeoutSeconds })
}
