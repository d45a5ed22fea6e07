import { addRunOptions, inLabIfAsked, repeated, repeatedLists } from '../options.ts'
import type { AddCommand, RunOptions } from '../options.ts'

/** Options of `fmc play`. */
export interface PlayOptions extends RunOptions {
  readonly limit?: readonly string[]
  readonly tags?: readonly string[]
  readonly skipTags?: readonly string[]
  readonly role?: string
  /** A pattern from the command line, in which every name must exist. */
  readonly pattern?: string
}

/** `fmc play NAME`: runs a playbook. */
export const play: AddCommand = (program, run) => {
  addRunOptions(
    program
      .command('play <playbook>')
      .description(
        'run a playbook, playbooks/<name>.ts: site to build the cloud; to operate it: health, reboot, k3s-upgrade, etcd-snapshot, etcd-restore, node-replace, remove, certificates, flatcar-update',
      ),
  )
    .option(
      '-l, --limit <pattern>',
      'only these hosts; @failed: those that failed in the last run; @FILE: a pattern per line (repeatable)',
      repeated,
    )
    .option(
      '-t, --tags <tags>',
      'only plays or roles with one of these tags (repeatable)',
      repeatedLists,
    )
    .option(
      '--skip-tags <tags>',
      'no play or role with one of these tags (repeatable)',
      repeatedLists,
    )
    .option('--role <role>', 'only this role')
    .action((name: string, o: PlayOptions) => run(inLabIfAsked(o, () => runPlaybook(name, o))))
}

async function runPlaybook(name: string, o: PlayOptions): Promise<number> {
  const [{ loadPlaybook }, { perform }] = await Promise.all([
    import('../load.ts'),
    import('../perform.ts'),
  ])
  return perform(await loadPlaybook(name, o.inventory), `play ${name}`, o)
}
