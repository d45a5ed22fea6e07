import { Option, type Command } from 'commander'
import {
  addHostsOptions,
  extraVarsOption,
  inLabIfAsked,
  inventoryOption,
  outputOption,
  repeated,
} from '../options.ts'
import type { AddCommand } from '../options.ts'
import type { ExplainOptions } from '../firewall/explain.ts'
import type { ProbeOptions } from '../firewall/probe.ts'
import type { RulesOptions } from '../firewall/rules.ts'

/** `fmc firewall …`: who may reach whom, as the inventory declares it, and as it is. */
export const firewall: AddCommand = (program, run) => {
  const command = program
    .command('firewall')
    .description('who may reach whom, as the inventory declares it, and as the network lets them')
  command
    .command('explain <from> <to> <port>')
    .description(
      'which rule decides on a new connection, host by host on its way; contacts no host. FROM and TO: a host, VIP, network, address or `wan`; PORT: 443, 53/udp or ping',
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(outputOption())
    .addOption(new Option('--json', 'as one JSON value').hideHelp())
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .action((from: string, to: string, port: string, o: ExplainOptions) =>
      run(
        import('../firewall/explain.ts').then(({ printExplanation }) =>
          printExplanation(from, to, port, o),
        ),
      ),
    )
  command
    .command('rules')
    .description(
      'what a firewall that is no host of the inventory has to let through: routes, port forwards, aliases and rules; contacts no host',
    )
    .addOption(
      new Option('--for <product>', 'the names that its pages have')
        .choices(['pfsense', 'opnsense'])
        .makeOptionMandatory(),
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(outputOption())
    .action((o: RulesOptions) =>
      run(import('../firewall/rules.ts').then(({ printRules }) => printRules(o))),
    )
  addProbeOptions(
    command
      .command('probe')
      .description(
        'try every declared flow, and a sample of what none allows, and print what differs: with any firewall in between',
      ),
  ).action((o: ProbeOptions) =>
    run(
      inLabIfAsked(o, () => import('../firewall/probe.ts').then(({ runProbes }) => runProbes(o))),
    ),
  )
}

const addProbeOptions = (command: Command): Command =>
  addHostsOptions(command)
    .option('-l, --limit <pattern>', 'only between these hosts (repeatable)', repeated)
    .option('--sample <n>', 'how many connections to try that no flow allows', '50')
    .option('--timeout <seconds>', 'how long to wait for an answer', '3')
    .option(
      '--outside <address:port>',
      'where flows to wan are tried: a TCP port that answers, such as 198.51.100.1:443',
    )
    .addHelpText(
      'after',
      `
Every flow is tried from a host where it starts, and a sample of what no flow
allows, on ports where programs listen. It logs in to the hosts, reads which
ports are in use, and connects with bash and timeout; it sends no data over TCP
and writes nothing.

Exit code: 2 if something differs from the declaration, 4 if a host could not
be reached.

Examples:
  fmc firewall probe
  fmc firewall probe --outside 198.51.100.1:443 --sample 200 --output json`,
    )
