import { Option, type Command } from 'commander'
import { outputOption, repeated } from '../options.ts'
import type { AddCommand } from '../options.ts'
import type { ReportFileOptions } from '../runs/html.ts'
import type { ListOptions } from '../runs/list.ts'
import type { MergeOptions } from '../runs/merge.ts'
import type { ReplayCommandOptions } from '../runs/replay.ts'
import type { DiffOptions } from '../runs/diff.ts'
import type { ShowOptions } from '../runs/show.ts'

const RUN = `
RUN is last, a number (1 is the newest), the begin of an id, or the path of a
record.`

/** `fmc runs …`: the recorded runs of this machine. No host is contacted. */
export const runs: AddCommand = (program, run) => {
  const command = program
    .command('runs')
    .description('the recorded runs: list, show, compare, replay, report, merge')
    .addHelpText('after', RUN)
  withLab(command.command('list', { isDefault: true }))
    .description('the recorded runs, newest first')
    .option('-n, --limit <n>', 'only the newest N', '20')
    .addOption(outputOption())
    .action((o: ListOptions) => run(import('../runs/list.ts').then(m => m.listRuns(o))))
  withLab(command.command('show <run>'))
    .description('what a run came to: who, when, failures, changes, recap')
    .option('--host <name>', 'only this host, with all of its tasks (repeatable)', repeated)
    .option('--changed', 'only what changed')
    .option('--diff', 'with the diffs, if the run had --diff')
    .option('--facts', 'what the hosts were: operating system, packages, units …')
    .option('--timing', 'where the time went: passes, and the tasks that the run waited for')
    .addOption(outputOption())
    .addHelpText('after', RUN)
    .action((word: string, o: ShowOptions) =>
      run(import('../runs/show.ts').then(m => m.showRun(word, o))),
    )
  withLab(command.command('diff <a> <b>'))
    .description('what differs between two runs or dry runs: tasks, hosts, exit codes')
    .option('--exit-code', 'exit 3 when something differs')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nA and B are each last, a number (1 is the newest), the begin of an id, or the\npath of a record.',
    )
    .action((a: string, b: string, o: DiffOptions) =>
      run(import('../runs/diff.ts').then(m => m.diffRuns(a, b, o))),
    )
  withLab(command.command('replay <run>'))
    .description('show a run again as it was')
    .option('--speed <n>', '1: as fast as it was; 10: ten times as fast; default: at once')
    .option('--diff', 'show what changed in files, if the run had --diff')
    .option('-v, --verbose', 'show tasks that are ok, too')
    .addOption(
      new Option(
        '--output <format>',
        'tty, plain, or json (NDJSON); default: tty on a terminal',
      ).choices(['tty', 'plain', 'json']),
    )
    .addHelpText('after', RUN)
    .action((word: string, o: ReplayCommandOptions) =>
      run(import('../runs/replay.ts').then(m => m.replayRun(word, o))),
    )
  withLab(command.command('report <run>'))
    .description('a page for a browser: summary, failures, timeline, changes; needs no network')
    .requiredOption('-o, --out <file>', 'write the page to this file')
    .option('--force', 'replace a file that fmc runs report has not written')
    .addHelpText('after', RUN)
    .action((word: string, o: ReportFileOptions) =>
      run(import('../runs/html.ts').then(m => m.writeReport(word, o))),
    )
  withLab(command.command('merge <run...>'))
    .description('the records of the shards of one run as one record')
    .requiredOption('-o, --out <file>', 'write the record to this new file')
    .addHelpText('after', `${RUN} So is the merged file.`)
    .action((words: string[], o: MergeOptions) =>
      run(import('../runs/merge.ts').then(m => m.mergeRuns(words, o))),
    )
}

const withLab = (command: Command): Command =>
  command
    .option('--lab', 'the runs of the lab')
    .option('--name <name>', 'with --lab: its name', process.env['FMC_LAB'] ?? 'default')
