import { inLabIfAsked, type AddCommand } from '../options.ts'
import { addPlayOptions, playNeeds, runPlaybook, type PlayOptions } from './play.ts'

/** `fmc plan NAME`: the same as `fmc play NAME --dry-run`; with --out it saves the plan. */
export const plan: AddCommand = (program, run) => {
  addPlayOptions(
    program
      .command('plan <playbook>')
      .description('say what a playbook would change; with --out, save that for fmc apply'),
  ).action((name: string, o: PlayOptions) => {
    const dry = { ...o, dryRun: true }
    return run(
      inLabIfAsked(
        dry,
        () => runPlaybook(name, dry),
        () => playNeeds(name, dry),
      ),
    )
  })
}
