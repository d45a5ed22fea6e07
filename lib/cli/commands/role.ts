import type { Playbook } from '../../engine/define/playbook.ts'
import { UsageError } from '../../errors.ts'
import type { RunNeeds } from '../../lab/index.ts'
import { quote } from '../../shell/quote.ts'
import { addRunOptions, inLabIfAsked } from '../options.ts'
import type { AddCommand, RunOptions } from '../options.ts'
import type { PlayOptions } from './play.ts'

/** `fmc role ROLE PATTERN`: runs one role. */
export const role: AddCommand = (program, run) => {
  addRunOptions(
    program.command('role <role> <pattern>').description('run one role on the hosts of a pattern'),
  ).action((name: string, pattern: string, o: RunOptions) =>
    run(
      inLabIfAsked(
        o,
        () => runRole(name, pattern, o),
        () => needsOf(name, pattern, o),
      ),
    ),
  )
}

/** On these hosts, but with serial, order and invariant of the play of `site` that has the role. */
export async function runRole(name: string, pattern: string, o: PlayOptions): Promise<number> {
  const [{ perform }, { planned }, book] = await Promise.all([
    import('../perform.ts'),
    import('../plans/planned.ts'),
    roleBook(name, pattern, o),
  ])
  return perform(book, `role ${name} ${quote(pattern)}`, {
    ...planned({ kind: 'role', name, pattern }, o),
    pattern,
  })
}

async function needsOf(name: string, pattern: string, o: PlayOptions): Promise<RunNeeds> {
  const [{ labNeeds }, book] = await Promise.all([
    import('../lab-needs.ts'),
    roleBook(name, pattern, o),
  ])
  return labNeeds(book, { ...o, pattern })
}

async function roleBook(name: string, pattern: string, o: PlayOptions): Promise<Playbook> {
  const [{ loadPlaybook, loadRole }, { play, playbook }] = await Promise.all([
    import('../load.ts'),
    import('../../engine/define/playbook.ts'),
  ])
  const site = await loadPlaybook('site', o.inventory).catch((error: unknown) => {
    if (error instanceof UsageError) return undefined
    throw error
  })
  const home = site?.stages.flat().find(p => p.roles.some(r => r.name === name))
  const found = home?.roles.find(r => r.name === name) ?? (await loadRole(name, o.inventory))
  return playbook(`role ${name}`, [
    play(home?.name ?? name, { ...home, hosts: pattern, roles: [found] }),
  ])
}
