import { join } from 'node:path'
import { play as definePlay, playbook, type Playbook } from '../engine/define/playbook.ts'
import { cacheDir } from '../cache-dir.ts'
import { EXIT, UsageError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import type { Event } from '../engine/events.ts'
import type { LabState } from '../lab/state.ts'
import { openContext, positive, withSecrets, type CommonOptions } from './context.ts'
import { insideLab, PASSED_ON } from './enter-lab.ts'
import { confirmed } from './confirm.ts'
import { loadPlaybook, loadRole } from './load.ts'
import { keepDir } from './paths.ts'
import { isTerminal, printError, reportTarget } from './print.ts'

declare const FMC_VERSION: string

export interface PlayOptions extends CommonOptions {
  readonly limit?: string
  readonly tags?: readonly string[]
  readonly role?: string
  readonly dryRun?: boolean
  readonly check?: boolean
  readonly diff?: boolean
  readonly exitCode?: boolean
  readonly forks: string
  readonly output?: 'tty' | 'plain' | 'json'
  readonly artifacts?: string
  readonly verbose?: boolean
}

/** `fmc play NAME`. */
export async function playCommand(name: string, o: PlayOptions): Promise<number> {
  return perform(await loadPlaybook(name, o.inventory), `play ${name}`, o)
}

/** `fmc role ROLE PATTERN`: the role as the playbook `site` would run it (serial, order, invariant), on these hosts. */
export async function roleCommand(name: string, pattern: string, o: PlayOptions): Promise<number> {
  const site = await loadPlaybook('site', o.inventory).catch((error: unknown) => {
    if (error instanceof UsageError) return undefined
    throw error
  })
  const home = site?.stages.flat().find(p => p.roles.some(r => r.name === name))
  const role = home?.roles.find(r => r.name === name) ?? (await loadRole(name, o.inventory))
  return perform(
    playbook(`role ${name}`, [
      definePlay(home?.name ?? name, { ...home, hosts: pattern, roles: [role] }),
    ]),
    `role ${name} ${pattern}`,
    o,
  )
}

/** A dry run plans what the lab could not do. */
const foreseen = (lab: LabState | undefined): LabState | undefined =>
  lab && {
    ...lab,
    vars: { ...lab.vars, ...lab.planned.vars },
    artifacts: { ...lab.artifacts, ...lab.planned.artifacts },
  }

async function perform(book: Playbook, command: string, o: PlayOptions): Promise<number> {
  const forks = positive('--forks', o.forks)
  const dryRun = (o.dryRun ?? false) || (o.check ?? false)
  const [{ Journal }, { select, checkVars }, { run }, { openSession }, { requireRoleVars }, lab] =
    await Promise.all([
      import('../engine/host/journal.ts'),
      import('../engine/define/select.ts'),
      import('../engine/run.ts'),
      import('../ssh/index.ts'),
      import('../inventory/role-vars.ts'),
      insideLab(),
    ])
  const context = await openContext(o, dryRun ? foreseen(lab) : lab)
  const skip = new Map(lab?.skippedRoles.map(s => [s.role, s.why]) ?? [])
  const selection = { limit: o.limit, tags: o.tags, role: o.role, skip }
  const first = select(context.inventory, book, selection)
  await requireRoleVars(
    context.inventory,
    first.flat().flatMap(p =>
      p.roles.map(({ name, vars, platforms }) => ({
        role: name,
        hosts: p.hosts.map(h => h.name),
        vars,
        platforms,
      })),
    ),
  )
  const hosts = [...new Map(first.flat().flatMap(p => p.hosts.map(h => [h.name, h]))).values()]
  checkHosts(book, hosts)
  await confirmed(book, context.inventory, hosts, dryRun)
  const names = new Set(first.flat().flatMap(p => p.hosts.map(h => h.name)))
  const keys = new Set(first.flat().flatMap(p => p.roles.flatMap(r => Object.keys(r.vars.shape))))
  const inventory = await withSecrets(context, names, keys, o)
  const stages = select(inventory, book, selection)
  // A lab's jobs go with it: what its hosts had done, those of the next one have not.
  const journal = new Journal(lab?.dir ?? cacheDir(), [
    inventory.file,
    command,
    o.limit,
    o.tags,
    o.role,
    o.extraVars,
  ])
  const unfinished = journal.unfinished()
  const begun = unfinished ?? Date.now()
  const report = await openReport(o)
  const signals = listen()
  report.on({ type: 'version', fmc: FMC_VERSION, contract: 1 })
  if (lab)
    for (const text of [...lab.standIns, ...lab.fromImages])
      report.on({ type: 'note', level: 'info', text: `lab: ${text}` })
  for (const [role, why] of skip)
    report.on({ type: 'note', level: 'warning', text: `lab: role ${role} is left out: ${why}` })
  if (unfinished !== undefined)
    report.on({
      type: 'note',
      level: 'info',
      text: `goes on with the same command of ${new Date(unfinished).toISOString()}, which did not end well: reboots and snapshots made since then count (begin anew: rm ${journal.file})`,
    })
  const changes = !dryRun && book.readOnly !== true
  if (changes && !journal.begin(begun))
    report.on({
      type: 'note',
      level: 'warning',
      text: `${journal.file} cannot be written: if this run is interrupted, the next one will not know which reboots and snapshots were made`,
    })
  try {
    const code = await run({
      inventory,
      stages,
      vars: checkVars(stages, () => inventory.file),
      dryRun,
      readOnly: book.readOnly ?? false,
      conclude: book.conclude,
      found: new Map(),
      begun,
      keepDir: lab ? join(lab.dir, 'kept') : keepDir(inventory.domain),
      diff: o.diff ?? false,
      forks,
      lab: lab !== undefined,
      pendingIsError: o.exitCode ?? false,
      artifactsDir: o.artifacts ?? process.env['FMC_ARTIFACTS'],
      secrets: context.secrets,
      stop: signals.stop,
      kill: signals.kill,
      openSession,
      targetOf: context.targetOf,
      cacheDir: cacheDir(),
      inventoryFile: inventory.file,
      command,
      emit: (event: Event) => report.on(event),
    })
    if (changes && code === EXIT.ok) journal.end()
    return code
  } finally {
    signals.off()
    await report.end()
  }
}

function checkHosts({ name, hosts: wanted }: Playbook, hosts: readonly Host[]): void {
  if (wanted === undefined || hosts.length === 1) return
  throw new UsageError(
    `${name} works on one host, and these are ${hosts.length}: ${hosts.map(h => h.name).join(', ')}`,
    { hint: `fmc play ${name} --limit HOST` },
  )
}

async function openReport(o: PlayOptions) {
  const { createReport } = await import('../report/index.ts')
  const kind = o.output ?? (isTerminal() ? 'tty' : 'plain')
  return createReport(kind, {
    ...reportTarget(),
    diff: o.diff ?? false,
    verbose: o.verbose ?? false,
  })
}

/** Ctrl-C once: finish the running tasks and stop. Twice: end the remote processes too. */
function listen(): { stop: AbortSignal; kill: AbortSignal; off: () => void } {
  const stop = new AbortController()
  const kill = new AbortController()
  let own = 0
  let passedOn = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === PASSED_ON) passedOn++
    else own++
    if (Math.max(own, passedOn) > 1) kill.abort()
    else if (!stop.signal.aborted) {
      printError('\nstopping after the running tasks; press Ctrl-C again to end them')
      stop.abort()
    }
  }
  const signals = ['SIGINT', 'SIGTERM', PASSED_ON] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    stop: stop.signal,
    kill: kill.signal,
    off: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
