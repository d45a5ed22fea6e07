// npm run faults: breaks runs of fmc at every point where they can be broken, and asks what came of it (docs/reliability.md).
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.ts'
import { FAULTS } from './cells.ts'
import type { Options } from './options.ts'
import { DEFECTS, type Defect } from './planted.ts'
import { WORKLOADS } from './workloads/index.ts'

const HELP = `npm run faults -- [options]

  --cases N        how many cases (default 300)
  --seed S         their order (default 1)
  --only FAULT     only this fault, may be repeated: ${Object.keys(FAULTS).join(', ')}
  --workload NAME  only this workload, may be repeated: ${WORKLOADS.map(w => w.name).join(', ')}
  --case ID        only this case, may be repeated
  --pairs          two faults in each case, one after another
  --jobs N         cases that are played at the same time (default: one per processor)
  --resume         go on with a run of the same seed that was interrupted
  --drift          hand changes instead of faults
  --drift --roles  hand changes to what the roles of this repository declare, on a lab of the whole site:
                   at least --cases of them (default 300), --each in a cycle (default 20)
    --from N       begin at this cycle of the seed
    --only TEXT    only changes whose description contains this text
  --planted [NAME] plant each defect of planted.ts in turn (or that one), and say which case finds it

The exit code is 1 if a case has found something, or a planted defect was not found.
`

class Usage extends Error {}

const numberOf = (option: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new Usage(`${option} ${JSON.stringify(text)}: expected a number from 1 to 999999999`)
  return Number(text)
}

const known = (
  option: string,
  given: readonly string[],
  names: readonly string[],
): readonly string[] => {
  for (const name of given)
    if (!names.includes(name))
      throw new Usage(`${option} ${JSON.stringify(name)}: expected one of ${names.join(', ')}`)
  return given
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      cases: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true },
      workload: { type: 'string', multiple: true },
      case: { type: 'string', multiple: true },
      jobs: { type: 'string' },
      pairs: { type: 'boolean' },
      resume: { type: 'boolean' },
      drift: { type: 'boolean' },
      roles: { type: 'boolean' },
      each: { type: 'string' },
      from: { type: 'string' },
      planted: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (positionals.length > 0 && !values.planted)
    throw new Usage(`${positionals.join(' ')}: not an option`)
  if (values.roles) {
    if (!values.drift) throw new Usage('--roles goes with --drift')
    return handChanges(values)
  }
  if (process.getuid?.() !== 0) throw new Usage('the light hosts need root: sudo npm run faults')
  const ids = values.case ?? []
  const choice = {
    seed: numberOf('--seed', values.seed, 1),
    pairs: values.pairs ?? false,
    drift: values.drift ?? false,
    only: known('--only', values.only ?? [], Object.keys(FAULTS)),
    workloads: known(
      '--workload',
      // The workloads of single cases are enough.
      [...new Set([...(values.workload ?? []), ...ids.map(id => id.split('/')[0] ?? '')])],
      WORKLOADS.map(w => w.name),
    ),
  }
  const o: Options = {
    ...choice,
    cases: numberOf('--cases', values.cases, values.planted ? 2000 : 300),
    ids,
    jobs: numberOf('--jobs', values.jobs, availableParallelism()),
    resume: values.resume ?? false,
    untilFound: false,
    quiet: false,
    state: ids.length > 0 ? undefined : stateFile(choice),
  }
  if (values.planted) return planted(o, positionals)
  process.stdout.write(`commit ${commit()}\n`)
  const module = await bundle()
  try {
    return await run(module, o)
  } finally {
    rmSync(module, { force: true })
  }
}

/** Changes by hand over the roles, on a lab. */
async function handChanges(given: {
  readonly cases?: string | undefined
  readonly seed?: string | undefined
  readonly each?: string | undefined
  readonly from?: string | undefined
  readonly only?: string[] | undefined
}): Promise<number> {
  const { roleDrifts } = await import('./roles/role-drift.ts')
  const seed = numberOf('--seed', given.seed, 1)
  const log = join(tmpdir(), `fmc-drift-roles-${commit()}-${seed}.jsonl`)
  process.stdout.write(`commit ${commit()}; each cycle is a line of ${log}\n`)
  return roleDrifts({
    changes: numberOf('--cases', given.cases, 300),
    seed,
    each: numberOf('--each', given.each, 20),
    from: given.from === '0' ? 0 : numberOf('--from', given.from, 0),
    only: given.only ?? [],
    log,
  })
}

const commit = (): string =>
  execFileSync(
    'git',
    ['-C', import.meta.dirname, 'describe', '--always', '--dirty', '--exclude=*'],
    {
      encoding: 'utf8',
    },
  ).trim()

/** Where the verdicts of a choice of cases are kept, by commit. */
const stateFile = (choice: object): string => {
  const hash = createHash('sha256').update(JSON.stringify(choice)).digest('hex').slice(0, 12)
  return join(tmpdir(), `fmc-faults-${commit()}-${hash}.jsonl`)
}

const run = (module: string, o: Options, quiet = false): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [module, JSON.stringify(o)], {
      stdio: ['ignore', 'inherit', quiet ? 'ignore' : 'inherit'],
    })
    child.on('error', reject)
    child.on('exit', code => resolve(code ?? 1))
  })

async function planted(o: Options, names: readonly string[]): Promise<number> {
  const chosen = names.length === 0 ? DEFECTS : DEFECTS.filter(d => names.includes(d.name))
  if (chosen.length < names.length)
    throw new Usage(
      `--planted: expected names of ${DEFECTS.map(d => JSON.stringify(d.name)).join(', ')}`,
    )
  let found = 0
  for (const defect of chosen) {
    const at = await search(defect, o)
    if (at !== undefined) found++
    process.stdout.write(
      `${at === undefined ? `not within ${o.cases}` : at.padStart(12)}  ${defect.name}\n`,
    )
  }
  process.stdout.write(`${found} of ${chosen.length} found, seed ${o.seed}\n`)
  return found === chosen.length ? 0 : 1
}

/** At which case a defect was found, and by what. */
async function search(defect: Defect, o: Options): Promise<string | undefined> {
  const module = await bundle(defect)
  const dir = mkdtempSync(join(tmpdir(), 'fmc-planted-'))
  try {
    const json = join(dir, 'found.json')
    const code = await run(
      module,
      { ...o, workloads: [defect.workload], untilFound: true, quiet: true, state: undefined, json },
      true,
    )
    if (code === 0) return undefined
    try {
      const { number } = JSON.parse(readFileSync(json, 'utf8')) as { number: number }
      return `case ${number}`
    } catch {
      return 'recording'
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
    rmSync(module, { force: true })
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const usage =
    error instanceof Usage || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
  process.stderr.write(
    `${usage ? (error as Error).message : String((error as Error).stack ?? error)}\n`,
  )
  process.exitCode = 1
}
