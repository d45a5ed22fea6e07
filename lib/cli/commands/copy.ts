import { UsageError } from '../../errors.ts'
import { quoteAll } from '../../shell/quote.ts'
import { addRunOptions, inLabIfAsked, noRoles, repeated, type AddCommand } from '../options.ts'
import type { PlayOptions } from './play.ts'

interface Options extends PlayOptions {
  readonly owner?: string
  readonly group?: string
  readonly mode?: string
}

/** `fmc copy SRC PATTERN:DST` and `fmc copy PATTERN:SRC DST`: files and directories to hosts and from them. */
export const copy: AddCommand = (program, run) => {
  addRunOptions(
    program
      .command('copy <from> <to>')
      .description(
        'copy a file or directory to hosts (SRC PATTERN:DST) or from them (PATTERN:SRC DST)',
      ),
  )
    .option('-l, --limit <pattern>', 'only these hosts of the pattern (repeatable)', repeated)
    .option(
      '--owner <user>',
      'to hosts: user, or user:group, that gets the files; default root:root',
    )
    .option('--group <group>', 'to hosts: group that gets the files')
    .option('--mode <octal>', 'to hosts: mode of the files; default that of the source')
    .addHelpText(
      'after',
      `
Examples:
  fmc copy motd all:/etc/motd --dry-run --diff
  fmc copy workers:/var/log/messages logs/

A path on a host is absolute. To DST/ with a slash at its end the source keeps
its name. From several hosts the source goes to DST/HOST/NAME; from one host to
DST, or to DST/NAME if DST is a directory.`,
    )
    .action((from: string, to: string, o: Options) =>
      run(inLabIfAsked(o, () => runCopy(from, to, o), noRoles)),
    )
}

/** A place of the command line: a pattern and an absolute path, or a path on this machine. */
interface Place {
  readonly pattern?: string | undefined
  readonly path: string
}

/**
 * Reads a place. Neither names of hosts nor groups contain a slash, so the first `:/` ends the pattern.
 *
 *     placeOf('web:&dc1:/srv/app')   // { pattern: 'web:&dc1', path: '/srv/app' }
 *     placeOf('./odd:/name')         // { path: './odd:/name' }
 */
export function placeOf(text: string): Place {
  const at = /^\.{0,2}\//.test(text) ? -1 : text.indexOf(':/')
  return at > 0 ? { pattern: text.slice(0, at), path: text.slice(at + 1) } : { path: text }
}

/** Options that mean nothing when files come from hosts. None has a default. */
const ONLY_TO_HOSTS = {
  ...{ owner: '--owner', group: '--group', mode: '--mode', diff: '--diff', debug: '--debug' },
  ...{ listHosts: '--list-hosts', listTags: '--list-tags', listTasks: '--list-tasks' },
  ...{ step: '--step', startAt: '--start-at', exitCode: '--exit-code' },
} as const

async function runCopy(from: string, to: string, o: Options): Promise<number> {
  const [source, target] = [placeOf(from), placeOf(to)]
  if ((source.pattern === undefined) === (target.pattern === undefined))
    throw new UsageError('fmc copy needs one place on hosts and one on this machine', {
      hint: 'fmc copy SRC PATTERN:/DST, or fmc copy PATTERN:/SRC DST',
    })
  if (source.pattern !== undefined) {
    const unfit = Object.entries(ONLY_TO_HOSTS).find(([key]) => key in o)
    if (unfit) throw new UsageError(`${unfit[1]} is only for copying to hosts`)
    const { copyBack } = await import('../copy-back.ts')
    return copyBack(source.pattern, source.path, target.path, o)
  }
  const [{ copyRole }, { perform }, { play, playbook }] = await Promise.all([
    import('../copy-role.ts'),
    import('../perform.ts'),
    import('../../engine/define/playbook.ts'),
  ])
  const role = copyRole(source.path, target.path, o)
  const pattern = target.pattern ?? ''
  const book = playbook('copy', [play('Copy', { hosts: pattern, roles: [role] })])
  // Without them the command that the recap names would make other changes.
  const access = (['owner', 'group', 'mode'] as const).flatMap(key => {
    const value = o[key]
    return value === undefined ? [] : [`--${key}`, value]
  })
  return perform(book, quoteAll(['copy', from, to, ...access]), { ...o, pattern })
}
