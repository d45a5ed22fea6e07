import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { exec } from '../../lib/lab/exec.ts'
import { golang } from '../../lib/lab/doubles/golang.ts'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { type FmcRun, type Rig } from '../rig/lab.ts'
import { build, configOf, SECRET, STRIKE, VICTIM, type Arena } from './arena.ts'

const HOST = 'a'
const PROGRAM = '/usr/local/bin/adversary'

/** What the adversary says at its end. */
interface Report {
  readonly Counts: Readonly<Record<string, { Tried: number; Done: number; Refused: number }>>
  readonly Opened: number
  readonly Hung: number
  readonly Won: readonly string[]
  readonly Impossible: readonly string[]
}

/** What came of one batch of rounds. */
export interface Outcome {
  readonly kind: string
  readonly rounds: number
  readonly changed: number
  readonly refused: number
  /** How often fmc opened a FIFO of the adversary's. */
  readonly hung: number
  readonly seconds: number
  readonly report: Report
  /** Each changed object, and each text that leaked or was read. */
  readonly wins: readonly string[]
  readonly run: FmcRun
  readonly messages: ReadonlyMap<string, number>
}

/** Builds the adversary (once for a test run) and brings it to the host. */
export async function bring(r: Rig, dir: string): Promise<void> {
  const { command, env } = await golang({ yes: true, log: () => undefined })
  await exec(
    [
      command,
      'build',
      '-C',
      join(import.meta.dirname, 'program'),
      '-trimpath',
      '-ldflags=-s',
      '-o',
      join(dir, 'adversary'),
      '.',
    ],
    {
      env: { ...env, CGO_ENABLED: '0' },
    },
  )
  const encoded = readFileSync(join(dir, 'adversary')).toString('base64')
  const { code, stderr } = await r.on(
    HOST,
    `base64 -d >${PROGRAM} && chmod 755 ${PROGRAM}`,
    encoded,
  )
  if (code !== 0) throw new Error(stderr)
}

/** Paths that change by themselves on a running host, and those that a run of fmc changes by design. */
const RESTLESS = [
  ...[
    '/proc',
    '/sys',
    '/dev/pts',
    '/run/systemd',
    '/run/log',
    '/run/adversary',
    '/run/user',
    '/run/udev',
    '/run/utmp',
    // Of systemd-nspawn, which shares what is in it among machines of one name: those of another lab, too.
    '/run/host',
  ],
  ...[
    '/run/fmc.lock',
    '/var/lib/fmc',
    '/var/log',
    '/var/lib/systemd',
    '/run/dbus',
    '/run/postgresql',
    '/var/cache',
  ],
]

const snapshot = (r: Rig, name: string, but: readonly string[]): Promise<string> =>
  r.text(HOST, `${PROGRAM} snapshot /run/adversary/${name} ${[...RESTLESS, ...but].join(' ')}`)

const stateOf = async (r: Rig, kind: string): Promise<Record<string, string>> =>
  JSON.parse(await r.text(HOST, `${PROGRAM} arena /run/adversary/${kind}.json`)) as Record<
    string,
    string
  >

/** The adversary at work, as its user. */
async function attacking(r: Rig, a: Arena): Promise<() => Promise<Report>> {
  const pid = `/run/adversary/${a.kind}.pid`
  const [program = '', ...argv] = enterLab(
    r.state,
    sshCommand(r.state, HOST, [
      `echo $$ >${pid}; exec setpriv --reuid=${a.user} --regid=${a.user} --clear-groups ${PROGRAM} attack /run/adversary/${a.kind}.json`,
    ]),
  )
  const child = spawn(program, argv)
  let out = ''
  let err = ''
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
      if (out.includes('\n')) resolve()
    })
    void ended.then(() => reject(new Error(`the adversary ended: ${err}`)))
  })
  return async () => {
    await r.text(HOST, `kill -TERM $(cat ${pid})`)
    await ended
    const [, report] = out.split('\n')
    if (!report) throw new Error(`the adversary said nothing: ${err}`)
    return JSON.parse(report) as Report
  }
}

/** One batch: many rounds of one kind of resource, in one run of fmc, beside the adversary. */
export async function duel(
  t: Test,
  r: Rig,
  a: Arena,
  o: { rounds: number; seed: number; work: string; but: readonly string[] },
): Promise<Outcome> {
  await r.text(HOST, build(a))
  const { code, stderr } = await r.on(
    HOST,
    `cat >/run/adversary/${a.kind}.json; chmod 755 /run/adversary; touch ${STRIKE}.due`,
    JSON.stringify(configOf(a, o.seed)),
  )
  t.equal(code, 0, stderr)
  await snapshot(r, 'before', o.but)
  const before = await stateOf(r, a.kind)
  const stop = await attacking(r, a)
  const began = performance.now()
  const ran = await r.fmcWith(
    { FMC_ADVERSARY_WORK: o.work },
    'role',
    'adversary',
    HOST,
    '--diff',
    '-e',
    `kind=${a.kind}`,
    '-e',
    `rounds=${o.rounds}`,
  )
  const seconds = (performance.now() - began) / 1000
  const report = await stop()
  const after = await stateOf(r, a.kind)
  await snapshot(r, 'after', o.but)
  const changes = await r.text(
    HOST,
    `${PROGRAM} compare /run/adversary/before /run/adversary/after`,
  )
  const rounds = ran.tasks.filter(e => !e.task.startsWith('$'))
  const said = `${ran.stdout}${ran.stderr}`
  const lost = Object.entries(before).flatMap(([ino, state]) =>
    !/^\S+ 0:0 /.test(state) || after[ino] === state
      ? []
      : [`root's directory in the adversary's: ${state} ⇒ ${after[ino] ?? 'gone'}`],
  )
  const told = [SECRET, VICTIM].flatMap(canary =>
    said
      .split('\n')
      .filter(l => l.includes(canary))
      .map(l => `told by fmc: ${l.slice(0, 300)}`),
  )
  const messages = new Map<string, number>()
  for (const e of rounds)
    if (e.failure) {
      const m = e.failure.message.replaceAll(/\d+/g, 'N').slice(0, 110)
      messages.set(m, (messages.get(m) ?? 0) + 1)
    }
  return {
    kind: a.kind,
    rounds: rounds.length,
    changed: rounds.filter(e => e.status === 'changed').length,
    refused: rounds.filter(e => e.status === 'failed').length,
    hung: report.Hung,
    seconds,
    report,
    wins: [
      ...(changes === '' ? [] : changes.split('\n')),
      ...lost,
      ...told,
      ...report.Won.filter(w => w.startsWith('CANARY') || w.startsWith('inode')),
    ],
    run: ran,
    messages,
  }
}

export const settle = (r: Rig, kind: string, work: string): Promise<FmcRun> =>
  r.fmcWith(
    { FMC_ADVERSARY_WORK: work },
    'role',
    'adversary',
    HOST,
    '-e',
    `kind=${kind}`,
    '-e',
    'rounds=0',
  )

/** A line of the table that the log ends with. */
export const row = (o: Outcome): string => {
  const done = Object.values(o.report.Counts).reduce((n, c) => n + c.Done, 0)
  return `${o.kind.padEnd(14)} ${[o.rounds, o.changed, o.refused, o.hung, done, o.wins.length].map(n => String(n).padStart(8)).join('')} ${o.seconds.toFixed(0).padStart(6)} s`
}
export const HEAD = `${'resource'.padEnd(14)}   rounds changed refused    hung   blows    wins`

/** What a batch was like, for the log. */
export const detail = (o: Outcome): string =>
  [
    row(o),
    Object.entries(o.report.Counts)
      .map(([attack, c]) => `${attack} ${c.Done} of ${c.Tried}`)
      .join(', '),
    `not possible here: ${o.report.Impossible.join('; ') || 'nothing'}`,
    ...o.report.Won.slice(0, 40),
    ...[...o.messages].map(([message, n]) => `${n} × ${message}`),
  ].join('\n')
