import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import * as os from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { ask, batch } from '../../facts/index.ts'
import { GarbledProbe } from '../../facts/family.ts'
import { secretRefs } from '../../inventory/secrets.ts'
import type { Host } from '../../inventory/types.ts'
import { insideLab, labNames, stateOf, status } from '../../lab/index.ts'
import { gitState, recordedRuns, type RecordedRun } from '../../record/index.ts'
import { identityPath } from '../../secrets/identity.ts'
import { openSession } from '../../ssh/index.ts'
import { safeJson } from '../../text/sanitise.ts'
import { lintProject } from '../commands/lint.ts'
import type { SupportOptions } from '../commands/support.ts'
import { openContext, secretsOf, type Context } from '../context.ts'
import { labSecrets } from '../lab-secrets.ts'
import { hostsOf } from '../limit.ts'
import { recordsDir } from '../prepare.ts'
import { redactor } from '../../secrets/redact.ts'
import { masked, masking } from './mask.ts'
import { recordLines, shapeOf } from './shape.ts'

declare const FMC_VERSION: string

/** A file of the archive. */
export interface Part {
  readonly path: string
  readonly about: string
  readonly text: string
}

/** Gathers all parts. What cannot be gathered is said in its place. Throws UsageError for a wrong pattern of hosts. */
export async function collect(o: SupportOptions, runs: number): Promise<Part[]> {
  const lab = await insideLab()
  const opened = await openContext(o, lab).catch((error: unknown) => wrong(error))
  const context = 'error' in opened ? undefined : opened
  const hosts = o.hosts === undefined ? [] : hostsFor(opened, o.hosts)
  const unread = context ? await addSecrets(context, o) : undefined
  const mask = masking(redactor(context?.secrets ?? []))
  const json = (value: unknown): string => `${safeJson(masked(value, mask), 2)}\n`
  const lint = await lintProject({ inventory: o.inventory, output: 'text' }, () => undefined)
    .then(({ text }) => text)
    .catch((error: unknown) => wrong(error).error)
  return [
    {
      path: 'versions.json',
      about: `fmc, node, system, ssh, git${unread === undefined ? '' : `; ${unread}`}`,
      text: json(await versions(o.inventory)),
    },
    {
      path: 'inventory.json',
      about: 'names and relations; no values of variables',
      text: json(context ? shapeOf(context.inventory) : opened),
    },
    { path: 'lint.txt', about: 'what fmc lint says', text: `${mask(lint)}\n` },
    { path: 'lab.json', about: 'hosts of the labs of this machine', text: json(await labs()) },
    ...newest(recordsIn(lab), context?.inventory.file, runs).map(recorded => ({
      path: `runs/${basename(recorded.file)}`,
      about: mask(`${recorded.run.command}, ${recorded.run.begin}; without diffs`),
      text: [...recordLines(recorded)].map(line => `${safeJson(masked(line, mask))}\n`).join(''),
    })),
    ...(await Promise.all(hosts.map(async host => factsPart(context, host, json)))),
  ]
}

const wrong = (error: unknown): { readonly error: string } => ({
  error: error instanceof Error ? error.message : String(error),
})

function hostsFor(opened: Context | { readonly error: string }, pattern: string): Host[] {
  if (!('error' in opened)) return hostsOf(opened.inventory, pattern, {})
  return []
}

/** The values of the secrets file join those to hide. Returns what is wrong if it cannot be read. */
async function addSecrets(context: Context, o: SupportOptions): Promise<string | undefined> {
  const refs = secretRefs(context.inventory)
  if (refs.length === 0) return undefined
  const { lab, inventory } = context
  if (!lab && !existsSync(identityPath(process.env, o.identity))) return UNREAD
  try {
    const found = lab
      ? await labSecrets(
          lab,
          refs.map(r => r.name),
          inventory.secretsFile,
          o.identity,
        )
      : await secretsOf(context, o)
    context.secrets.push(...found.values())
    return undefined
  } catch {
    return UNREAD
  }
}

const UNREAD =
  'the secrets file could not be opened: secrets were removed when the records were made, and by their form'

const recordsIn = (lab: Awaited<ReturnType<typeof insideLab>>): Iterable<RecordedRun> => {
  try {
    return recordedRuns(recordsDir(lab))
  } catch {
    return []
  }
}

/** The newest records of the inventory, or of any. */
function newest(
  all: Iterable<RecordedRun>,
  inventory: string | undefined,
  n: number,
): RecordedRun[] {
  const found: RecordedRun[] = []
  for (const recorded of all) {
    if (found.length === n) break
    if (inventory === undefined || recorded.run.inventory === inventory) found.push(recorded)
  }
  return found
}

async function versions(inventory: string): Promise<object> {
  const said = (command: string, ...args: string[]): string => {
    const done = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 })
    return done.error ? '' : (`${done.stdout}${done.stderr}`.split('\n')[0] ?? '')
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return {
    ...{ fmc: FMC_VERSION, node: process.version, openssl: process.versions.openssl },
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.platform(),
    ...{ kernel: os.release(), architecture: os.arch(), cpus: os.cpus().length },
    memoryMb: Math.round(os.totalmem() / 1024 ** 2),
    ...{ ssh: said('ssh', '-V'), git: said('git', '--version') },
    systemd: said('systemctl', '--version'),
    root: process.geteuid?.() === 0,
    project: await gitState(dirname(resolve(inventory))),
    variables: Object.keys(process.env)
      .filter(name => name.startsWith('FMC_'))
      .sort(),
  }
}

const labs = async (): Promise<object[]> =>
  Promise.all(
    labNames().map(async name => {
      try {
        const hosts = await status(stateOf(name))
        return {
          name,
          hosts: hosts.map(({ host, state }) => ({ name: host.name, state })),
        }
      } catch (error) {
        return { name, ...wrong(error) }
      }
    }),
  )

async function factsPart(
  context: Context | undefined,
  host: Host,
  json: (value: unknown) => string,
): Promise<Part> {
  const part = { path: `facts/${host.name}.json`, about: 'facts, as fmc facts shows them' }
  if (!context) return { ...part, text: json({ error: 'the inventory cannot be read' }) }
  try {
    const { session } = await openSession(context.targetOf(host))
    try {
      const questions = batch([ask('system', ''), ask('identity', '')])
      const output = await session.run(questions.script, { marked: true, timeoutMs: 60_000 })
      const answers = questions.parse(output, session.word)
      return {
        ...part,
        text: json({
          ...Object.fromEntries([...answers].map(([key, fact]) => [key.replace(/:$/, ''), fact])),
          ssh: await session.connected(),
        }),
      }
    } finally {
      session.close()
    }
  } catch (error) {
    const hidden = error instanceof GarbledProbe ? error.redacted(text => text) : wrong(error).error
    return { ...part, about: 'why there are no facts', text: json({ error: hidden }) }
  }
}
