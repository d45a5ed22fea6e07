import type { Command } from 'commander'
import type { RunNeeds } from '../../lab/index.ts'
import { addRunOptions, addSelectOptions, inLabIfAsked } from '../options.ts'
import type { AddCommand, RunOptions } from '../options.ts'
import type { PlanWork } from '../plans/work.ts'
import type { Ready } from '../prepare.ts'

/** Options of `fmc play`. */
export interface PlayOptions extends RunOptions {
  readonly limit?: readonly string[]
  readonly tags?: readonly string[]
  readonly skipTags?: readonly string[]
  readonly role?: string
  /** A pattern from the command line, in which every name must exist. */
  readonly pattern?: string
  /** What a saved plan adds to the run. */
  readonly plan?: ((ready: Ready) => Promise<PlanWork>) | undefined
}

/** `fmc play NAME`: runs a playbook. */
export const play: AddCommand = (program, run) => {
  addPlayOptions(
    program
      .command('play <playbook>')
      .description(
        'run a playbook, playbooks/<name>.ts: site to build the cloud; to operate it: health, reboot, k3s-upgrade, etcd-snapshot, etcd-restore, node-replace, remove, certificates, flatcar-update',
      ),
  ).action((name: string, o: PlayOptions) =>
    run(
      inLabIfAsked(
        o,
        () => runPlaybook(name, o),
        () => playNeeds(name, o),
      ),
    ),
  )
}

/** The options of PlayOptions. */
export const addPlayOptions = (command: Command): Command =>
  addSelectOptions(
    addRunOptions(command),
    'only these hosts; @failed: those that failed in the last run; @FILE: a pattern per line (repeatable)',
  )

/** What a run of a playbook needs of the lab. */
export async function playNeeds(name: string, o: PlayOptions): Promise<RunNeeds> {
  const [{ loadPlaybook }, { labNeeds }] = await Promise.all([
    import('../load.ts'),
    import('../lab-needs.ts'),
  ])
  return labNeeds(await loadPlaybook(name, o.inventory), o)
}

/** Runs a playbook; with --out saves its plan. Resolves with the exit code. */
export async function runPlaybook(name: string, o: PlayOptions): Promise<number> {
  const [{ loadPlaybook }, { perform }, { planned }] = await Promise.all([
    import('../load.ts'),
    import('../perform.ts'),
    import('../plans/planned.ts'),
  ])
  const book = await loadPlaybook(name, o.inventory)
  return perform(book, `play ${name}`, planned({ kind: 'play', name }, o))
}
