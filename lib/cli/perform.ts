import { dirname, resolve } from 'node:path'
import { cacheDir } from '../cache-dir.ts'
import type { Event } from '../engine/events.ts'
import { Journal } from '../engine/host/journal.ts'
import type { Playbook } from '../engine/define/playbook.ts'
import { run } from '../engine/run.ts'
import type { StartAt } from '../engine/settings.ts'
import { missingGroups } from '../engine/define/select.ts'
import { EXIT, FmcError } from '../errors.ts'
import type { Twin } from '../lab/index.ts'
import { gitState, shownArgv } from '../record/index.ts'
import { createReport, type KnownMs, type Report } from '../report/index.ts'
import { redactor } from '../secrets/redact.ts'
import { allSecrets } from '../secrets/secret.ts'
import { quote } from '../shell/quote.ts'
import { openSession } from '../ssh/index.ts'
import type { PlayOptions } from './commands/play.ts'
import { openConversation } from './conversation.ts'
import { inventoryPlaces } from './inventory-place.ts'
import { printPlays, taskList } from './listing.ts'
import { demandListOutput, positive } from './options.ts'
import { eventWithOwnFlags, lastingLimit, sameCommand } from './own-flags.ts'
import { choose, commonSettings, makeReady } from './prepare.ts'
import { canMoveCursor, printError, reportTarget } from './print.ts'
import { knownMs, recordedReport } from './recorded.ts'
import { watchLate } from './late.ts'
import { shardLine } from './shard.ts'
import { listenForSignals } from './signals.ts'
import { demandTerminal, stepper } from './step.ts'
import { toldReport } from './telling.ts'
import { Timing } from './timing.ts'

declare const FMC_VERSION: string

/**
 * Runs a playbook for `fmc play` and `fmc role`: selects, checks and confirms before anything is touched, then runs.
 * `command` is the command line without its options. Resolves with the exit code.
 */
export async function perform(book: Playbook, command: string, o: PlayOptions): Promise<number> {
  positive('--forks', o.forks)
  if (o.debug) allSecrets()
  const asked = (o.dryRun ?? false) || (o.check ?? false)
  const dryRun = asked || (o.listTasks ?? false)
  demandTerminal(o, asked)
  if (o.listHosts || o.listTags || o.listTasks) demandListOutput(o.output)
  const chosen = await choose(book, command, o, dryRun)
  const { context, lab, selection } = chosen
  if (o.listHosts || o.listTags) return printPlays(chosen.stages, o)
  const git = o.listTasks ? undefined : gitState(dirname(resolve(o.inventory)))
  const ready = await makeReady(chosen)
  const { hosts, inventory, stages } = ready
  const work = await o.plan?.(ready)
  // In a lab the journal is in the lab's directory, so it goes with the lab.
  const journal = new Journal(lab?.dir ?? cacheDir(), [
    inventory.file,
    command,
    o.limit,
    o.tags,
    o.role,
    o.extraVars,
    o.skipTags,
    o.startAt,
    ...(o.shard === undefined ? [] : [o.shard]),
    ...(work?.job ?? []),
  ])
  const unfinished = journal.unfinished()
  const begun = unfinished ?? Date.now()
  const argv = shownArgv(process.argv.slice(2), redactor(context.secrets))
  const revision = await git
  const report = o.listTasks
    ? taskList(stages, o)
    : await toldReport(
        recordedReport(await openReport(o, knownMs(lab, inventory.file)), lab, {
          command,
          argv,
          dryRun,
          readOnly: book.readOnly ?? false,
          lab: lab !== undefined,
          inventory: inventory.file,
          git: revision,
          shard: shardLine(o.shard, argv, revision?.revision),
        }),
        { command, dryRun, context, options: o },
      )
  const conversation = o.debug ? openConversation(report.file, context.secrets) : undefined
  const timing = o.timing ? new Timing() : undefined
  const signals = listenForSignals(undefined, text => report.on({ type: 'stopping', text }))
  const late = watchLate()
  report.on({ type: 'version', fmc: FMC_VERSION, contract: 1 })
  context.transportNote.say = text => report.on({ type: 'note', level: 'info', text })
  if (lab) noteLab(report, lab)
  if (stages.length === 0)
    report.on({
      type: 'note',
      level: 'info',
      text: `no selected host is in part ${o.shard ?? ''}: nothing to do`,
    })
  for (const { name, plays } of missingGroups(context.inventory, book, selection))
    report.on({
      type: 'note',
      level: 'info',
      text: `the inventory has no group ${name}: skipped ${plays.join(', ')}`,
    })
  if (unfinished !== undefined)
    report.on({
      type: 'note',
      level: 'info',
      text: `continues the run of this command that began at ${new Date(unfinished).toISOString()} and did not succeed: fmc repeats no reboot and no snapshot of it (to start over: rm ${quote(journal.file)})`,
    })
  for (const text of work?.notes ?? []) report.on({ type: 'note', level: 'info', text })
  const changes = !dryRun && book.readOnly !== true
  if (changes && !journal.begin(begun))
    report.on({
      type: 'note',
      level: 'warning',
      text: `cannot write ${journal.file}: if this run is interrupted, the next one repeats its reboots and snapshots`,
    })
  let code: number = EXIT.failed
  try {
    code = await run({
      ...commonSettings(ready),
      ...work?.settings,
      saved: work?.follow?.(unfinished !== undefined),
      startAt: startAt(o),
      confirm: o.step ? stepper(signals.stop) : undefined,
      begun,
      pendingIsError: o.exitCode ?? false,
      auditedBy: report.auditedBy,
      stop: signals.stop,
      kill: signals.kill,
      term: signals.term,
      openSession: [conversation, timing].reduce(
        (open, by) => by?.watch(open) ?? open,
        openSession,
      ),
      emit: (event: Event) => {
        const own = eventWithOwnFlags(event, o, command)
        timing?.on(event)
        for (const shown of work?.events(own) ?? [own]) report.on(shown)
      },
      next:
        work?.next ??
        sameCommand(command, {
          ...o,
          limit: lastingLimit(o.limit, new Set(hosts.map(h => h.name))),
        }),
    })
    const last = await work?.end()
    for (const event of last?.events ?? []) report.on(event)
    if (last?.error !== undefined) throw last.error as Error
    if (changes && code === EXIT.ok) journal.end()
  } catch (error) {
    if (error instanceof FmcError) code = error.exitCode
    throw error
  } finally {
    signals.off()
    code = late.ended(code)
    const ending = listenForSignals('not waiting for services that have not answered')
    await report.end(code, ending.stop)
    ending.off()
    if (timing) printError(timing.lines().join('\n'))
    if (conversation) {
      const problem = await conversation.end()
      const more = problem === undefined ? '' : ` (not complete: ${problem})`
      printError(`the conversation with each host: ${conversation.dir}${more}`)
    }
  }
  return late.ended(code)
}

/** The task in ROLE/TASK; undefined: the role starts with its first. */
function startAt({ startAt: text = '' }: PlayOptions): StartAt | undefined {
  const slash = text.indexOf('/')
  const [role, task] = [text.slice(0, slash), text.slice(slash + 1)]
  return slash < 0 || task === '' ? undefined : { role, task }
}

function noteLab(report: Pick<Report, 'on'>, lab: Twin): void {
  printError(lab.summary)
  for (const { role, why } of lab.skippedRoles)
    report.on({ type: 'note', level: 'warning', text: `lab: role ${role} is left out: ${why}` })
}

async function openReport(o: PlayOptions, known: KnownMs): Promise<Report> {
  const kind = o.output ?? (canMoveCursor() && !o.step ? 'tty' : 'plain')
  return createReport(kind, {
    ...reportTarget({ commands: kind === 'github' }),
    diff: o.diff ?? false,
    verbose: o.verbose ?? false,
    known,
    place:
      kind === 'github' || kind === 'sarif'
        ? await inventoryPlaces(resolve(o.inventory))
        : undefined,
    cwd: process.cwd(),
  })
}
