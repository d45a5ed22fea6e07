import { UsageError } from '../../errors.ts'
import { insideLab } from '../../lab/index.ts'
import { isObeyed } from '../../report/workflow-command.ts'
import { quote } from '../../shell/quote.ts'
import {
  inLabIfAsked,
  noRoles,
  inventoryOption,
  type AddCommand,
  type LoginOptions,
} from '../options.ts'
import { stdinIsTerminal } from '../print.ts'

/** `fmc shell HOST`: a shell on a host, with the settings that fmc itself uses to log in. */
export const shell: AddCommand = (program, run) => {
  program
    .command('shell <host> [command...]')
    .description('a shell on a host, with the login and the host keys that fmc uses')
    .addOption(inventoryOption())
    .option('--lab', "on the lab's host (see 'fmc lab')")
    .addHelpText(
      'after',
      `
Examples:
  fmc shell postgresql1
  fmc shell loadbalancer1 -- sudo less /var/log/messages

It forwards neither the agent nor X11. The exit code is that of the shell or
command; 4: no connection.`,
    )
    .action((host: string, words: string[], o: LoginOptions) =>
      run(inLabIfAsked(o, () => openShell(host, words, o), noRoles)),
    )
}

async function openShell(
  pattern: string,
  words: readonly string[],
  o: LoginOptions,
): Promise<number> {
  const [{ openContext }, { hostsOf }, { openTerminal }] = await Promise.all([
    import('../context.ts'),
    import('../limit.ts'),
    import('../../ssh/index.ts'),
  ])
  const context = await openContext(o, await insideLab())
  const [host, ...others] = hostsOf(context.inventory, pattern, {})
  if (host === undefined || others.length > 0)
    throw new UsageError(
      `fmc shell works on one host, but ${pattern} matches ${others.length + 1}`,
      {
        hint: `fmc run ${quote(pattern)} -- COMMAND runs a command on all of them`,
      },
    )
  if (isObeyed() && !stdinIsTerminal())
    throw new UsageError(
      'fmc shell passes on what the host prints as it is, and the runner of this CI job would obey commands in it',
      { hint: `fmc run ${quote(host.name)} -- COMMAND` },
    )
  return openTerminal(context.targetOf(host), {
    terminal: stdinIsTerminal(),
    command: words.length <= 1 ? words[0] : words,
  })
}
