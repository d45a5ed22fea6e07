import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { loadInventory } from '../inventory/load.ts'
import { matchHosts } from '../inventory/patterns.ts'
import { enterLab, sshCommand } from '../lab/enter.ts'
import { cut, down, heal, insideOf, kill, up, type LabState } from '../lab/index.ts'
import { readState } from '../lab/state.ts'
import { forget, remember } from './cleanup.ts'
import { fmcCommand, readRun, run, type FmcRun, type Ran } from './run.ts'

/** What a test runner gives to a test: `t` of node:test or of tap. */
export interface TestContext {
  /** Registers a function that runs after the test, also when it has failed. */
  after(work: () => Promise<void>): void
}

/** How a test's lab is made. */
export interface LabOptions {
  /** Path of the inventory; default: the nearest inventory.yaml in or above the current directory. */
  readonly inventory?: string | undefined
  /** The hosts that the lab boots, as a pattern (`web1,db:!db2`) or a list; default all. */
  readonly hosts?: string | readonly string[] | undefined
  /** Hosts to boot as QEMU machines with a kernel of their own. */
  readonly vm?: readonly string[] | undefined
  /** Default: made from the script that Node runs, the test file under node:test and tap. Name it where a runner's workers run several files at once. */
  readonly name?: string | undefined
  /** Takes what the lab says while it boots, such as t.diagnostic; default: nobody. */
  readonly log?: ((text: string) => void) | undefined
}

/** A lab that is up: a twin of the inventory on this machine, or of some of its hosts. */
export class Lab {
  readonly name: string
  /** Path of the inventory. */
  readonly inventory: string
  #last: LabState
  constructor(state: LabState, name: string, inventory: string) {
    this.#last = state
    this.name = name
    this.inventory = inventory
  }

  /** The lab as it is now: a run after an edit of the inventory changes it. */
  get state(): LabState {
    return (this.#last = readState(this.name) ?? this.#last)
  }

  /**
   * Runs fmc against the lab as a user would, and reads its NDJSON.
   *
   * @example
   * const run = await lab.fmc('role', 'motd', 'web1', '--dry-run')
   */
  fmc(...args: readonly string[]): Promise<FmcRun> {
    return this.fmcWith({}, ...args)
  }

  /** The same with environment variables, such as FMC_GATE_SECONDS for gates that will not open. */
  async fmcWith(
    env: Readonly<Record<string, string | undefined>>,
    ...args: readonly string[]
  ): Promise<FmcRun> {
    const argv = fmcInLab(this.inventory, ...args)
    const own = { FMC_LAB: this.name, ...env }
    const said = await this.#broughtUp(args)
    // fmc itself says what is wrong, or boots what the options ask for.
    if (said === undefined) return readRun(await run(argv, { env: own }))
    const ran = await run(enterLab(this.state, argv), { env: { ...own, ...insideOf(this.name) } })
    return readRun({ ...ran, stderr: said + ran.stderr })
  }

  /**
   * Does here what `fmc --lab` does before it starts itself again inside the lab's network, which halves the processes
   * of a test. Returns what the lab said; undefined when fmc has to do it itself.
   */
  async #broughtUp(args: readonly string[]): Promise<string | undefined> {
    if (args.some(a => /^--(vm|dirt)\b/.test(a))) return undefined
    const said: string[] = []
    try {
      const inventory = await loadInventory(this.inventory)
      const log = (text: string): unknown => said.push(`${text}\n`)
      const roles = args[0] === 'role' ? args.slice(1, 2) : undefined
      this.#last = await up(inventory, { name: this.name, asItIs: true, yes: true, roles, log })
    } catch {
      return undefined
    }
    return said.join('')
  }

  /** Runs shell text on a host as root, over SSH; `input` is its stdin. */
  exec(host: string, command: string, input = ''): Promise<Ran> {
    return run(enterLab(this.state, sshCommand(this.state, host, [command])), { input })
  }

  /** The same, and its stdout without the last newline; throws when it exits non-zero. */
  async text(host: string, command: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(host, command)
    if (code !== 0) throw new Error(`${host}: ${command}: exit ${code}: ${stderr}${stdout}`)
    return stdout.trimEnd()
  }

  /** Runs a program of this machine in the lab's network, for example curl against a host's address. */
  inNetwork(...argv: readonly string[]): Promise<Ran> {
    return run(enterLab(this.state, argv))
  }

  /** Pulls a host's network cables, until `heal`. */
  cut(host: string): Promise<void> {
    return cut(this.state, host)
  }

  /** Plugs a host's network cables in again. */
  heal(host: string): Promise<void> {
    return heal(this.state, host)
  }

  /** Pulls a host's power plug, until `powerOn`. */
  kill(host: string): Promise<void> {
    return kill(this.state, host)
  }

  /** Boots the hosts again that are off, with the same disks. */
  async powerOn(): Promise<void> {
    await up(await loadInventory(this.inventory), {
      name: this.name,
      hosts: this.state.hosts.map(h => h.name),
      log: () => undefined,
    })
  }

  /** Ends the lab and removes its files. */
  async down(): Promise<void> {
    await down(this.name)
    forget(this.name)
  }
}

/** The command line of fmc against a lab, which FMC_LAB names, with NDJSON on stdout. */
export const fmcInLab = (inventory: string, ...args: readonly string[]): string[] =>
  fmcCommand(...args, '-i', inventory, '--lab', '--output', 'json')

let count = 0

/** Test files may run at the same time; the same file has the same names again, and so clears what a killed run has left. */
const nextName = (): string => {
  const file = resolve(process.argv[1] ?? '.')
  return `test-${createHash('sha256').update(file).digest('hex').slice(0, 8)}-${count++}`
}

/** The inventory of the project that the tests belong to. */
const projectInventory = (): string => {
  for (let dir = process.cwd(); ; dir = dirname(dir)) {
    const file = join(dir, 'inventory.yaml')
    if (existsSync(file)) return file
    if (dir === dirname(dir))
      throw new UsageError(`there is no inventory.yaml in or above ${process.cwd()}`)
  }
}

/**
 * Boots a lab of its own for a test and takes it down after the test, also after a failure, Ctrl-C or process.exit().
 * Without `t` call `lab.down()` yourself. Needs root and what `fmc lab up` needs. Throws an FmcError that says what is
 * missing or which machine did not boot.
 *
 * @example
 * import { test } from 'node:test'
 * import { startLab } from 'fmc/testing'
 *
 * test('a message at login', async t => {
 *   const lab = await startLab(t, { hosts: ['web1', 'rocky1'] })
 *   await lab.fmc('role', 'motd', 'all')
 *   assert.match(await lab.text('web1', 'cat /etc/motd'), /welcome/)
 * })
 */
export async function startLab(t: TestContext | undefined, o: LabOptions = {}): Promise<Lab> {
  const file = resolve(o.inventory ?? projectInventory())
  const inventory = await loadInventory(file)
  const name = o.name ?? nextName()
  const pattern = typeof o.hosts === 'string' ? o.hosts : o.hosts?.join(',')
  const hosts = pattern === undefined ? {} : { hosts: namesOf(pattern) }
  await down(name)
  remember(name)
  const end = async (): Promise<void> => {
    await down(name)
    forget(name)
  }
  t?.after(end)
  try {
    const vm = o.vm === undefined ? {} : { vm: o.vm }
    const log = o.log ?? (() => undefined)
    return new Lab(await up(inventory, { name, yes: true, log, ...vm, ...hosts }), name, file)
  } catch (error) {
    if (t === undefined) await end()
    throw error
  }

  function namesOf(these: string): string[] {
    return matchHosts(inventory, these).map(h => h.name)
  }
}
