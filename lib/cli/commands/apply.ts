import { Option } from 'commander'
import { inLabIfAsked, signingKeyOption, type AddCommand, type RunOptions } from '../options.ts'
import type { OpenedPlan } from '../plans/open.ts'
import type { PlayOptions } from './play.ts'

/** What is left to choose when a plan is applied: everything that decides what it does is in the plan. */
type Options = Pick<
  RunOptions,
  | ('forks' | 'askBecomePass' | 'identity' | 'key' | 'output' | 'yes')
  | ('artifacts' | 'diff' | 'verbose' | 'debug' | 'step')
> & { readonly inventory?: string }

/** `fmc apply FILE`: makes the changes of a saved plan, and nothing else. */
export const apply: AddCommand = (program, run) => {
  program
    .command('apply <file>')
    .description('make the changes of a saved plan, and nothing else')
    .option(
      '-i, --inventory <file>',
      "inventory file; default: the plan's if you have signed it, else inventory.yaml",
    )
    .option('--forks <n>', 'hosts worked on at the same time', '50')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option('--identity <file>', 'age identity that opens the plan and the secrets file')
    .addOption(signingKeyOption())
    .addOption(
      new Option(
        '--output <format>',
        'tty, plain, or json (NDJSON); default: tty on a terminal',
      ).choices(['tty', 'plain', 'json']),
    )
    .option(
      '--artifacts <dir>',
      'take downloads from a directory, for sites without Internet (FMC_ARTIFACTS)',
    )
    .option('--diff', 'show what changes in files')
    .option('-v, --verbose', 'show tasks that are ok, too')
    .option('--debug', 'write every script and answer beside the record of the run')
    .option('--step', 'before anything is applied to a host, ask')
    .option('--yes', 'for a plan of the lab: install what the lab needs without asking')
    .addHelpText(
      'after',
      `
fmc plans again and compares. It refuses, before it connects, a plan whose
inventory, variables, secrets or code have changed, that is not signed by a
known key, not approved, or out of its time. On a host it refuses a task that
would now do something else, and what comes after it on that host.`,
    )
    .action((file: string, o: Options) => run(applyFile(file, o)))
}

async function applyFile(file: string, o: Options): Promise<number> {
  const [{ openPlan }, { demandApplicable }] = await Promise.all([
    import('../plans/open.ts'),
    import('../plans/follow.ts'),
  ])
  const opened = await openPlan(file, o)
  demandApplicable(opened)
  const { inventory } = opened
  const { lab } = opened.plan.body.options
  return inLabIfAsked({ ...o, inventory, lab }, () => applyPlan(opened, o))
}

async function applyPlan(opened: OpenedPlan, o: Options): Promise<number> {
  const [{ boxOf, followPlan, runOf }, { runPlaybook }, { runRole }] = await Promise.all([
    import('../plans/follow.ts'),
    import('./play.ts'),
    import('./role.ts'),
  ])
  const box = await boxOf(opened)
  const run = runOf(opened)
  const { limit, tags, skipTags, role, startAt, lab } = opened.plan.body.options
  const options: PlayOptions = {
    ...{ ...o, inventory: opened.inventory, lab },
    ...(limit === undefined ? {} : { limit: [limit.join(',')] }),
    ...(tags === undefined ? {} : { tags }),
    ...(skipTags === undefined ? {} : { skipTags }),
    ...(role === undefined ? {} : { role }),
    ...(startAt === undefined ? {} : { startAt }),
    ...(box.extraVars.length === 0 ? {} : { extraVars: box.extraVars }),
    plan: ready => followPlan(ready, opened, box),
  }
  return run.kind === 'play'
    ? runPlaybook(run.name, options)
    : runRole(run.name, run.pattern ?? 'all', options)
}
