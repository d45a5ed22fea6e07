import { Option } from 'commander'
import { UsageError } from '../../errors.ts'
import {
  addHostsOptions,
  addSelectOptions,
  inLabIfAsked,
  outputOption,
  shardOption,
} from '../options.ts'
import type { AddCommand } from '../options.ts'
import type { PlayOptions } from './play.ts'

/** Options of `fmc drift`. */
export interface DriftOptions extends PlayOptions {
  readonly since?: string
  readonly watch?: string
  readonly statusFile?: string
  readonly prometheus?: string
  readonly install?: boolean
  readonly uninstall?: boolean
  readonly print?: boolean
  readonly user?: boolean
  readonly every?: string
}

/** `fmc drift [PLAYBOOK]`: which hosts differ from what a playbook declares. */
export const drift: AddCommand = (program, run) => {
  addSelectOptions(
    addHostsOptions(
      program
        .command('drift [playbook]')
        .description(
          "show which hosts differ from what a playbook declares (default: site); changes nothing; whether the cloud works is another question: 'fmc play health'",
        ),
      outputOption(),
    ),
    'only these hosts; as in fmc play (repeatable)',
  )
    .addOption(shardOption())
    .option('--diff', 'show what differs in files')
    .option(
      '--artifacts <dir>',
      'take downloads from a directory, for sites without Internet (FMC_ARTIFACTS)',
    )
    .addOption(
      new Option(
        '--since <when>',
        'what is new since the last check or run, and what the records of those hosts say: logins, packages, times of files',
      ).choices(['last']),
    )
    .option(
      '--watch <time>',
      'check again and again (30s, 5m, 1h) over the same connections; prints only what has changed',
    )
    .option('--status-file <file>', 'write the result as one JSON object, for Homepage or Gatus')
    .option(
      '--prometheus <file>',
      "write the result as metrics, for node_exporter's textfile collector (NAME.prom)",
    )
    .option('--install', 'check regularly: write and start a systemd service and its timer')
    .option(
      '--every <time>',
      'with --install: how long after a check the next one starts (default: 1h)',
    )
    .option(
      '--user',
      "with --install, --uninstall: units of your own systemd manager, not the system's",
    )
    .option('--print', 'with --install: only show the units')
    .option('--uninstall', 'stop and remove what --install has written')
    .action((name: string | undefined, o: DriftOptions) =>
      run(inLabIfAsked(o, () => findDrift(name ?? 'site', o))),
    )
}

async function findDrift(name: string, o: DriftOptions): Promise<number> {
  const [{ loadPlaybook }, { choose }, { demandOutputs }, { interval }] = await Promise.all([
    import('../load.ts'),
    import('../prepare.ts'),
    import('../drift/outputs.ts'),
    import('../drift/interval.ts'),
  ])
  demandOutputs(o)
  demandInstallOptions(o)
  const every = o.watch === undefined ? undefined : interval('--watch', o.watch)
  const book = await loadPlaybook(name, o.inventory)
  if (book.readOnly)
    throw new UsageError(`the playbook ${name} declares no state: it only looks at the hosts`, {
      hint: `fmc play ${name}`,
    })
  if (book.confirm)
    throw new UsageError(
      `the playbook ${name} is an operation: it declares no state to compare with`,
      { hint: 'fmc drift site' },
    )
  if (o.install || o.uninstall) {
    const { install, uninstall } = await import('../drift/install.ts')
    const chosen = await choose(book, `drift ${name}`, o, true)
    return o.uninstall ? uninstall(chosen, o) : install(chosen, o)
  }
  if (every !== undefined) return (await import('../drift/watch.ts')).driftWatch(name, o, every)
  const chosen = await choose(book, `drift ${name}`, o, true)
  return (await import('../drift/once.ts')).driftOnce(chosen, o)
}

function demandInstallOptions(o: DriftOptions): void {
  if (o.install && o.uninstall)
    throw new UsageError('--install and --uninstall contradict each other')
  const alone = [
    ...(o.print && !o.install ? ['--print'] : []),
    ...(o.every !== undefined && !o.install ? ['--every'] : []),
    ...(o.user && !o.install && !o.uninstall ? ['--user'] : []),
  ]
  const [first] = alone
  if (first !== undefined)
    throw new UsageError(`${first} belongs to --install`, { hint: `fmc drift --install ${first}` })
}
