import { EXIT, UsageError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import { quote } from '../../shell/quote.ts'
import type { Output } from '../../ssh/types.ts'
import type { Hide } from '../on-hosts.ts'
import { addHostsOptions, inLabIfAsked, type AddCommand, type HostsOptions } from '../options.ts'
import { print, printJson } from '../print.ts'

/** `fmc run PATTERN -- COMMAND`: one command on many hosts. It takes no lock and predicts nothing. */
export const run: AddCommand = (program, runs) => {
  addHostsOptions(
    program
      .command('run <pattern> [command...]')
      .description('run one command on many hosts: fmc run PATTERN -- COMMAND'),
  ).action((pattern: string, words: string[], o: HostsOptions) =>
    runs(inLabIfAsked(o, () => runCommand(pattern, words, o))),
  )
}

async function runCommand(
  pattern: string,
  words: readonly string[],
  o: HostsOptions,
): Promise<number> {
  if (words.length === 0)
    throw new UsageError('fmc run needs a command', { hint: 'fmc run PATTERN -- COMMAND' })
  const command = words.length === 1 ? (words[0] ?? '') : words.map(quote).join(' ')
  const show = o.output === 'json' ? printOutputJson : printOutput
  const { onHosts } = await import('../on-hosts.ts')
  return onHosts(pattern, o, async (host, session, hide) => {
    const output = await session.run(`( eval ${quote(command)} )`)
    show(host, output, hide)
    return output.code === 0 ? EXIT.ok : EXIT.failed
  })
}

const printOutputJson = (host: Host, { code, stdout, stderr }: Output, hide: Hide): void =>
  printJson({ host: host.name, code, stdout: hide(stdout), stderr: hide(stderr) })

const printOutput = (host: Host, { code, stdout, stderr }: Output, hide: Hide): void => {
  const texts = [stdout, stderr].map(text => hide(text).replace(/(\r?\n)+$/, ''))
  print([`${host.name} | exit ${code}`, ...texts.filter(Boolean)].join('\n'))
}
