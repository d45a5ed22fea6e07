import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { cacheDir, makeDirs, userDir } from '../../cache-dir.ts'
import { EXIT, TaskError, UsageError } from '../../errors.ts'
import { runsDir, shownArgv } from '../../record/index.ts'
import type { DriftOptions } from '../commands/drift.ts'
import { packageRoot } from '../paths.ts'
import type { Chosen } from '../prepare.ts'
import { print } from '../print.ts'
import { writeWholeFile } from '../../whole-file.ts'
import { interval } from './interval.ts'
import { MARK, unitName, unitTexts, type Units } from './units.ts'

const HOUR = '1h'

/** Runs systemctl; throws TaskError when it fails. */
export type Systemctl = (...args: readonly string[]) => void

/** `fmc drift --install`: writes and starts the units, or with --print shows them. Resolves with the exit code. */
export function install(chosen: Chosen, o: DriftOptions): number {
  demandUnattended(o)
  const units = unitTexts(unitsOf(chosen, o))
  if (o.print) {
    print(
      Object.entries(units)
        .map(([name, text]) => `# ${name}\n${text}`)
        .join('\n'),
    )
    return EXIT.ok
  }
  const dir = unitDir(o)
  const changed = writeUnits(dir, units, systemctl(o))
  const timer = Object.keys(units).find(name => name.endsWith('.timer')) ?? ''
  print(
    `${changed ? 'installed' : 'is installed already'}: ${join(dir, timer)}\n  systemctl ${o.user ? '--user ' : ''}list-timers ${timer}${o.user ? '\n  loginctl enable-linger   # so that it also runs while you are not logged in' : ''}`,
  )
  return EXIT.ok
}

/** `fmc drift --uninstall`: stops and removes them. Resolves with the exit code. */
export function uninstall(chosen: Chosen, o: DriftOptions): number {
  const name = unitName(chosen.context.inventory.domain, chosen.book.name)
  const dir = unitDir(o)
  const removed = removeUnits(dir, name, systemctl(o))
  print(
    removed.length === 0
      ? `nothing to remove: there is no ${join(dir, `${name}.timer`)}`
      : removed.map(file => `removed: ${file}`).join('\n'),
  )
  return EXIT.ok
}

/** What nobody can answer, and what must not be in a unit's file. Throws UsageError. */
function demandUnattended(o: DriftOptions): void {
  const refuse = (option: string, why: string, hint: string): never => {
    throw new UsageError(`--install with ${option}: ${why}`, { hint })
  }
  if (o.lab) refuse('--lab', 'the lab does not run all the time', 'fmc drift --lab --watch 5m')
  if (o.watch !== undefined)
    refuse('--watch', 'the timer starts a check each time', 'fmc drift --install --every 5m')
  if (o.askBecomePass)
    refuse('-K', 'nobody can type the sudo password', 'log in as root, or as a user with NOPASSWD')
  for (const given of o.extraVars ?? [])
    if (shownArgv(['-e', given], text => text)[1] !== given)
      refuse(
        '-e',
        'its value may be a secret, and every user can read units',
        'fmc secrets set NAME',
      )
}

function unitsOf({ context, book }: Chosen, o: DriftOptions): Parameters<typeof unitTexts>[0] {
  const file = (path: string): string => resolve(path)
  const many = (option: string, values: readonly string[] | undefined): string[] =>
    (values ?? []).flatMap(value => [option, value])
  const one = (option: string, value: string | undefined): string[] =>
    value === undefined ? [] : [option, value]
  const path = (option: string, value: string | undefined): string[] =>
    one(option, value === undefined ? undefined : file(value))
  const [runs, cache] = [runsDir(), cacheDir()]
  for (const dir of [runs, cache]) makeDirs(dir)
  const outputs = [o.statusFile, o.prometheus].flatMap(f =>
    f === undefined ? [] : [dirname(file(f))],
  )
  return {
    name: unitName(context.inventory.domain, book.name),
    argv: [
      process.execPath,
      join(packageRoot(), 'lib/bin.js'),
      ...['drift', book.name, '-i', file(o.inventory)],
      ...many(
        '-l',
        o.limit?.map(l => (l.startsWith('@') && l !== '@failed' ? `@${file(l.slice(1))}` : l)),
      ),
      ...many('-t', o.tags),
      ...many('--skip-tags', o.skipTags),
      ...one('--role', o.role),
      ...one('--shard', o.shard),
      ...many(
        '-e',
        o.extraVars?.map(v => (v.startsWith('@') ? `@${file(v.slice(1))}` : v)),
      ),
      ...path('--identity', o.identity ?? process.env['FMC_AGE_IDENTITY']),
      ...path('--artifacts', o.artifacts),
      ...one('--since', o.since),
      ...path('--status-file', o.statusFile),
      ...path('--prometheus', o.prometheus),
      ...(o.forks === '50' ? [] : ['--forks', o.forks]),
    ],
    directory: dirname(file(o.inventory)),
    // runsDir is fmc/runs in it.
    environment: { FMC_STATE: dirname(dirname(runs)), FMC_CACHE: cache },
    writes: [...new Set([dirname(runs), cache, ...outputs])],
    everyMs: interval('--every', o.every ?? HOUR),
    user: o.user ?? false,
  }
}

function unitDir(o: DriftOptions): string {
  if (!o.user) {
    if (process.geteuid?.() === 0) return '/etc/systemd/system'
    throw new UsageError('only root can write units of the system', {
      hint: 'fmc drift --install --user   # or with sudo',
    })
  }
  const config = userDir('XDG_CONFIG_HOME', '.config')
  if (config === undefined) throw new UsageError('there is no home directory for units of the user')
  return join(config, 'systemd', 'user')
}

const systemctl =
  (o: DriftOptions): Systemctl =>
  (...args) => {
    const all = [...(o.user ? ['--user'] : []), ...args]
    const done = spawnSync('systemctl', all, { encoding: 'utf8' })
    if (done.status === 0) return
    throw new TaskError(`systemctl ${all.join(' ')} failed`, {
      hint: (done.error?.message ?? done.stderr).trim(),
    })
  }

/** The unit's text; undefined: there is none. Throws UsageError for one that fmc has not written. */
function ownText(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const text = lstatSync(file).isFile() ? readFileSync(file, 'utf8') : ''
  if (text.startsWith(`${MARK}\n`)) return text
  throw new UsageError(`${file} is not fmc's: it does not begin with the line that fmc writes`, {
    hint: `rm ${file}   # if nothing needs it`,
  })
}

/** Writes units where they differ, and starts the timer. Returns whether any differed. Throws UsageError, TaskError. */
export function writeUnits(dir: string, units: Units, run: Systemctl): boolean {
  const due = Object.entries(units).filter(([name, text]) => ownText(join(dir, name)) !== text)
  // Fails without systemd, before anything is written.
  run('show', '--property=Version')
  mkdirSync(dir, { recursive: true })
  for (const [name, text] of due) writeWholeFile(join(dir, name), text, { mode: 0o644 })
  if (due.length > 0) run('daemon-reload')
  const timer = Object.keys(units).filter(name => name.endsWith('.timer'))
  run('enable', '--now', ...timer)
  // A timer that runs takes another interval only when it starts again.
  if (due.some(([name]) => name.endsWith('.timer'))) run('restart', ...timer)
  return due.length > 0
}

/** Stops and removes the units of this name. Returns their files. Throws UsageError, TaskError. */
export function removeUnits(dir: string, name: string, run: Systemctl): string[] {
  const files = [`${name}.timer`, `${name}.service`]
    .map(file => join(dir, file))
    .filter(file => ownText(file) !== undefined)
  if (files.length === 0) return []
  for (const file of files)
    run(...(file.endsWith('.timer') ? ['disable', '--now'] : ['stop']), basename(file))
  for (const file of files) rmSync(file)
  run('daemon-reload')
  return files
}
