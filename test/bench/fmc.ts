import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../lib/engine/events.ts'
import { enterLab } from '../../lib/lab/enter.ts'
import type { FarLab, Lab } from './lab.ts'
import { good, run, type Contender, type Run } from './measure.ts'
import { ROOT } from './project.ts'

const BIN = join(ROOT, 'lib/bin.js')

type Task = Extract<Event, { type: 'task' }>
type Recap = Extract<Event, { type: 'recap' }>

export const cacheOf = (dir: string): string => join(dir, 'cache')

export const fmc = (dir: string, lab: Lab, ...args: readonly string[]): Promise<Run> =>
  fmcPlay(dir, lab, 'bench', dir, ...args)

/** Runs a playbook on a lab: the process that connects is the one that is measured, not the one that finds the lab. */
export const fmcPlay = (
  dir: string,
  lab: Pick<Lab, 'state' | 'name' | 'inventory'>,
  book: string,
  cwd: string,
  ...args: readonly string[]
): Promise<Run> =>
  run(
    enterLab(lab.state, [
      process.execPath,
      BIN,
      ...['play', book, '-i', lab.inventory, '--lab', ...args],
    ]),
    { cwd, env: { FMC_INSIDE_LAB: lab.name, FMC_CACHE: cacheOf(dir) } },
  )

const farFmc = (dir: string, far: FarLab): Promise<Run> =>
  run(far.enter([process.execPath, BIN, 'play', 'bench', '-i', far.inventory]), {
    cwd: dir,
    env: { FMC_CACHE: cacheOf(dir), SSH_AUTH_SOCK: undefined },
  })

export const nothingChanged = ({ stdout }: Run): string | undefined =>
  /^Changed 0 on /m.test(stdout) ? undefined : 'it changed something'

/** Nothing remembered of the hosts; the compiled playbook and the parsed inventory stay. */
export const forgetQuestions = (dir: string): void =>
  rmSync(join(cacheOf(dir), 'questions'), { recursive: true, force: true })

export const unchanged = (dir: string, lab: Lab): Contender => ({
  name: 'fmc',
  run: async () => good('fmc', await fmc(dir, lab), nothingChanged),
})
export const firstEver = (dir: string, lab: Lab): Contender => ({
  name: 'fmc, first run ever',
  before: () => forgetQuestions(dir),
  run: async () => good('fmc', await fmc(dir, lab), nothingChanged),
})
/** As the one before, and the playbook must be compiled and the inventory parsed too. */
export const emptyCache = (dir: string, lab: Lab): Contender => ({
  name: 'fmc, empty cache',
  before: () => rmSync(cacheOf(dir), { recursive: true, force: true }),
  run: async () => good('fmc', await fmc(dir, lab), nothingChanged),
})
export const farUnchanged = (dir: string, far: FarLab): Contender => ({
  name: 'fmc',
  run: async () => good('fmc', await farFmc(dir, far), nothingChanged),
})
export const farFirstEver = (dir: string, far: FarLab): Contender => ({
  name: 'fmc, first run ever',
  before: () => forgetQuestions(dir),
  run: async () => good('fmc', await farFmc(dir, far), nothingChanged),
})

export const help: Contender = {
  name: 'fmc --help',
  run: async () => good('fmc --help', await run([process.execPath, BIN, '--help'])),
}
export const bareNode: Contender = {
  name: 'node -e 0',
  run: async () => good('node', await run([process.execPath, '-e', '0'])),
}

/** What a run with `--output json` told. */
export interface Told {
  /** `host task` of every task that changed, or would. */
  readonly changed: ReadonlySet<string>
  readonly recap: Recap
}

export function told(what: string, result: Run): Told {
  good(what, result)
  const events = result.stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Event)
  const recap = events.find(e => e.type === 'recap')
  if (recap === undefined) throw new Error(`${what}: no recap`)
  const tasks = events.filter((e): e is Task => e.type === 'task' && e.status === 'changed')
  return { changed: new Set(tasks.map(t => `${t.host} ${t.task}`)), recap }
}
