import { existsSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fmcFidelity, peerFidelity, type Fidelity } from './fidelity.ts'
import * as fmc from './fmc.ts'
import { addPython, downAll, farLab, freshLab, type Lab } from './lab.ts'
import { endAll, good, rounds, TIME, type Contender, type Run } from './measure.ts'
import { manyHosts } from './many.ts'
import { apt, installPeers, peers, type Peer } from './peers.ts'
import { makeProject } from './project.ts'
import { text, type Report } from './report.ts'
import { addSection, figures, judge, ratio, sections } from './results.ts'
import * as shell from './shell.ts'
import { wholeSite } from './site.ts'

const USAGE = `npm run bench -- [options]
fmc, Ansible, Mitogen, pyinfra and a hand-written ssh loop do the same 15 tasks on equal lab hosts, in turns.

  --quick      without the peers, the large lab, the light hosts and the site, few hosts and rounds
  --site       only the whole site of inventory.yaml
  --json       the figures as JSON
  --hosts N    hosts of the usual lab (14, with --quick 4; the targets are for 14)
  --scale N    hosts of the large lab (100; 0 leaves it out)
  --many N     light hosts: sshds without systemd, for how far one controller goes (500; 0 leaves them out)
  --only-many  only these
  --rounds N   rounds of a no-change run (9)
`

const options = commandLine()
/** Of the lab that the targets of no change and first apply are for. */
const USUAL = 14
const COUNT = Number(options.hosts ?? (options.quick ? 4 : USUAL))
const target = (t: { atMost?: number; atLeast?: number }): typeof t => (COUNT === USUAL ? t : {})
const SCALE = Number(options.scale ?? (options.quick ? 0 : 100))
const MANY = Number(options.many ?? (options.quick ? 0 : 500))
const ROUNDS = Number(options.rounds ?? (options.quick ? 3 : 9))
const SLOW_ROUNDS = 2
const APPLIES = options.quick ? 1 : 3
const HALF_MS = 15

const say = (what: string): void => void process.stderr.write(`bench: ${what}\n`)

const fidelity: ({ name: string } & Fidelity)[] = []

const DRY = `dry run, ${COUNT} fresh hosts`
const APPLY = `first apply, ${COUNT} hosts`
const SAME = `no change, ${COUNT} hosts`
const SLOW = `no change with the peers, ${COUNT} hosts`
const FAR = `no change, ${COUNT} hosts, 30 ms away`
const SCALED = `no change, ${SCALE} hosts`
const START = 'start'
const HOST_WORK = "the slowest host's own work"

const project = makeProject()

const troubles: string[] = []

/** A peer that fails does not end the bench; the report says so. */
async function orSay<T>(peer: Peer, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    troubles.push(`FAILED: ${first.startsWith(peer.name) ? first : `${peer.name}: ${first}`}`)
    say(troubles.at(-1) ?? '')
    return undefined
  }
}

/** Dry run and apply on fresh hosts. Every apply has hosts of its own; they are left configured. */
async function firstApply(others: readonly Peer[]): Promise<Lab> {
  const dry = new Map<string, Run[]>()
  const applied = new Map<string, Run[]>()
  const note = (map: Map<string, Run[]>, name: string, run: Run): Run => {
    map.set(name, [...(map.get(name) ?? []), run])
    return run
  }
  const fresh = (): Promise<Lab> => freshLab(project, 'bench', COUNT, say)
  for (const peer of others) {
    const lab = await fresh()
    if (peer.needsPython) await addPython(lab)
    say(`${peer.name}: dry run, apply`)
    await orSay(peer, async () => {
      const predicted = peer.read(note(dry, peer.name, await peer.dry(lab)))
      const done = peer.read(note(applied, peer.name, good(peer.name, await peer.apply(lab))))
      fidelity.push({ name: peer.name, ...peerFidelity(predicted, done) })
    })
  }
  let last: Lab | undefined
  for (let i = 0; i < APPLIES; i++) {
    say('by hand: apply')
    const { run, slowestHostMs } = await shell.applyByHand(project, await fresh())
    note(applied, 'ssh loop with one script', run)
    note(applied, HOST_WORK, { ...run, ms: slowestHostMs, cpuMs: 0, rssMb: 0 })
    last = await fresh()
    say('fmc: dry run, apply')
    const predicted = fmc.told(
      'fmc --dry-run',
      note(dry, 'fmc', await fmc.fmc(project, last, '--dry-run', '--output', 'json')),
    )
    const done = fmc.told(
      'fmc',
      note(applied, 'fmc', await fmc.fmc(project, last, '--output', 'json')),
    )
    if (i === APPLIES - 1) fidelity.unshift({ name: 'fmc', ...fmcFidelity(predicted, done) })
  }
  addSection(DRY, 'fmc', dry)
  addSection(APPLY, HOST_WORK, applied)
  if (last === undefined) throw new Error('no lab')
  return last
}

async function noChange(lab: Lab, others: readonly Peer[]): Promise<void> {
  say('no change')
  await fmc.fmc(project, lab)
  const fast: Contender[] = [
    fmc.unchanged(project, lab),
    shell.floor(project, lab),
    fmc.firstEver(project, lab),
    fmc.emptyCache(project, lab),
  ]
  addSection(SAME, 'ssh loop', await rounds(fast, ROUNDS))
  say('no change, 30 ms away')
  const far = await farLab(project, lab, HALF_MS)
  try {
    const contenders = [
      fmc.farUnchanged(project, far),
      shell.farFloor(project, lab, far),
      fmc.farFirstEver(project, far),
    ]
    addSection(FAR, 'ssh loop', await rounds(contenders, ROUNDS))
  } finally {
    await far.stop()
  }
  if (others.length === 0) return
  say('no change, with the peers')
  await addPython(lab)
  const slow = others.map((peer): Contender => ({
    name: peer.name,
    run: () =>
      orSay(peer, async () =>
        good(peer.name, await peer.apply(lab), r =>
          peer.read(r).changed.size > 0 ? 'it changed something' : undefined,
        ),
      ),
  }))
  addSection(
    SLOW,
    'fmc',
    await rounds(
      [fmc.unchanged(project, lab), shell.floor(project, lab), ...slow],
      SLOW_ROUNDS,
      false,
    ),
  )
}

async function scaled(): Promise<void> {
  const lab = await freshLab(project, 'bench100', SCALE, say)
  say(`${SCALE} hosts: apply`)
  good('fmc', await fmc.fmc(project, lab))
  say(`${SCALE} hosts: no change`)
  addSection(
    SCALED,
    'ssh loop',
    await rounds([fmc.unchanged(project, lab), shell.floor(project, lab)], Math.min(ROUNDS, 5)),
  )
  const rss = sections.at(-1)?.contenders.find(c => c.name === 'fmc')?.stats.rssMb ?? NaN
  judge(`${SCALED}: fmc / ssh loop`, ratio(SCALED, 'fmc', 'ssh loop'), 'x', { atMost: 0.6 })
  judge(`${SCALED}: memory of fmc`, rss, 'MB', { atMost: 200 })
}

function judgeAll(others: readonly Peer[]): void {
  const first = 'fmc, first run ever'
  judge(`${SAME}: fmc / ssh loop`, ratio(SAME, 'fmc', 'ssh loop'), 'x', target({ atMost: 0.55 }))
  judge(`${SAME}: ${first} / ssh loop`, ratio(SAME, first, 'ssh loop'), 'x', target({ atMost: 1 }))
  for (const { name } of others)
    judge(
      `${SAME}: ${name} / fmc`,
      ratio(SLOW, name, 'fmc'),
      'x',
      target(
        name.startsWith('ansible')
          ? { atLeast: 50 }
          : name.startsWith('pyinfra')
            ? { atLeast: 10 }
            : {},
      ),
    )
  judge(
    `${APPLY}: fmc / ${HOST_WORK}`,
    ratio(APPLY, 'fmc', HOST_WORK),
    'x',
    target({ atMost: 1.05 }),
  )
  judge(`${FAR}: fmc / ssh loop`, ratio(FAR, 'fmc', 'ssh loop'), 'x', target({ atMost: 0.7 }))
  judge('fmc --help / node -e 0', ratio(START, 'fmc --help', 'node -e 0'), 'x', { atMost: 2 })
  const own = fidelity.find(f => f.name === 'fmc')
  if (own === undefined) return
  judge('fmc: predictions that came true', (100 * own.cameTrue) / own.predicted, '%', {
    atLeast: 100,
  })
  judge('fmc: unpredicted changes', own.unpredicted, '', { atMost: 0 })
  judge('fmc: predicted but not needed', own.notNeeded, '', { atMost: 0 })
}

const notes = (): string[] => [
  'Wall times, process start included; CPU is of the controller’s processes (ControlPersist masters not counted); runs alternate.',
  'Ansible: pipelining on, forks = hosts, no facts gathered, cold ControlMasters. Python is put on the hosts beforehand, unmeasured.',
  `${HOST_WORK}: one script without a question, on all hosts at once, by the host’s own clock.`,
  'first run ever: no remembered questions; empty cache: the playbook is compiled and the inventory parsed, too.',
  options.quick
    ? '--quick: no peers, no 100 hosts, no site, few hosts and rounds'
    : 'site: the loop asks each host what fmc asks there, by fmc’s own questions, in one script; K3s is a double.',
  ...troubles,
]

async function site(): Promise<void> {
  fidelity.push({ name: 'fmc, site', ...(await wholeSite(project, Math.min(ROUNDS, 5), say)) })
  await downAll()
}

const many = (): Promise<void> => manyHosts(project, MANY, Math.min(ROUNDS, 2), say)

async function bench(): Promise<Report> {
  if (!existsSync(TIME)) {
    say('installing GNU time')
    good('apt-get', await apt('time'))
  }
  if (options.site) {
    await site()
    return { figures, sections, fidelity, notes: notes() }
  }
  if (options['only-many']) {
    await many()
    return { figures, sections, fidelity, notes: notes() }
  }
  const others = options.quick ? [] : peers(project, await installPeers(say))
  addSection(START, 'node -e 0', await rounds([fmc.help, fmc.bareNode], options.quick ? 9 : 15))
  const lab = await firstApply(others)
  await noChange(lab, others)
  await downAll()
  judgeAll(others)
  if (!options.quick) await site()
  if (SCALE > 0) await scaled()
  await downAll()
  if (MANY > 0) await many()
  return { figures, sections, fidelity, notes: notes() }
}

const end = { stopping: false }
let cleaned: Promise<void> | undefined

/** Made once, at the first call. */
const clean = (): Promise<void> =>
  (cleaned ??= (async () => {
    endAll()
    await downAll()
    rmSync(project, { recursive: true, force: true })
  })())

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!end.stopping) say('stopping')
    end.stopping = true
    void clean().finally(() => process.exit(130))
  })

try {
  const report = await bench()
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${text(report)}\n`)
  if (report.figures.some(f => !f.reached)) process.exitCode = 2
} catch (error) {
  if (!end.stopping)
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await clean()
}

function commandLine() {
  const options = {
    help: { type: 'boolean', short: 'h', default: false },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    site: { type: 'boolean', default: false },
    hosts: { type: 'string' },
    scale: { type: 'string' },
    many: { type: 'string' },
    'only-many': { type: 'boolean', default: false },
    rounds: { type: 'string' },
  } as const
  try {
    const { values } = parseArgs({ options })
    if (!values.help) return values
    process.stdout.write(USAGE)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(1)
  }
}
