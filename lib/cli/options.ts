import { Option, type Command } from 'commander'
import { UsageError } from '../errors.ts'
import { isInside, runInside, type RunNeeds } from '../lab/index.ts'
import { REPORT_KINDS, type ReportKind } from '../report/index.ts'
import { errorWithOwnFlags } from './own-flags.ts'
import { errorTerminal, printError } from './print.ts'

/** Takes the promise of a command's exit code. */
export type Run = (exitCode: Promise<number>) => Promise<void>

/** Adds one command to the program. Every file of commands/ exports one such function. */
export type AddCommand = (program: Command, run: Run) => void

/** Options of every command that works on an inventory. */
export interface InventoryOptions {
  readonly inventory: string
  readonly extraVars?: readonly string[] | undefined
}

/** Options of every command that may log in to hosts. */
export interface LoginOptions extends InventoryOptions {
  readonly lab?: boolean
  readonly identity?: string | undefined
  readonly askBecomePass?: boolean | undefined
}

/** Options of a command that can run inside the lab. */
interface LabOptions {
  readonly inventory: string
  readonly lab?: boolean
  readonly vm?: readonly string[]
  readonly dirt?: readonly string[]
  readonly yes?: boolean
}

/** Options of every command that works on many hosts. */
export interface HostsOptions extends LoginOptions, LabOptions {
  readonly forks: string
  readonly output?: 'tty' | 'plain' | 'json'
}

/** Options of `play` and `role`. */
export interface RunOptions extends Omit<HostsOptions, 'output'> {
  readonly output?: ReportKind
  readonly listHosts?: boolean
  readonly listTags?: boolean
  readonly listTasks?: boolean
  readonly step?: boolean
  readonly startAt?: string
  readonly shard?: string
  readonly dryRun?: boolean
  readonly check?: boolean
  readonly diff?: boolean
  readonly exitCode?: boolean
  readonly artifacts?: string
  readonly verbose?: boolean
  readonly debug?: boolean
  readonly timing?: boolean
  /** With --dry-run: the file for the plan, and what belongs to it. */
  readonly out?: string
  readonly requireApproval?: readonly string[]
  readonly notBefore?: string
  readonly validUntil?: string
  readonly key?: string
}

export const inventoryOption = (): Option =>
  new Option('-i, --inventory <file>', 'inventory file').default('inventory.yaml')

export const extraVarsOption = (): Option =>
  new Option(
    '-e, --extra-vars <k=v>',
    'set a variable; @file.yaml reads a file (repeatable)',
  ).argParser(repeated)

export const signingKeyOption = (): Option =>
  new Option('--key <file>', 'Ed25519 key that signs instead of the age identity')

/** Collects the values of an option that may be given several times. */
export const repeated = (value: string, all: readonly string[] | undefined): readonly string[] => [
  ...(all ?? []),
  value,
]

/** The same for comma-separated lists: all their parts. */
export const repeatedLists = (
  value: string,
  all: readonly string[] | undefined,
): readonly string[] => [...(all ?? []), ...commaSeparated(value)]

/** The parts of a comma-separated list. */
export const commaSeparated = (value: string): string[] =>
  value
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)

/** Options of a command that prints data and reads no host. */
export interface OutputOptions {
  readonly output?: 'plain' | 'json'
}

export const outputOption = (): Option =>
  new Option('--output <format>', 'plain, or json (NDJSON); default: plain').choices([
    'plain',
    'json',
  ])

export const shardOption = (): Option =>
  new Option(
    '--shard <i/n>',
    'only part I of N of the hosts, for runs on several machines (see fmc shard)',
  )

/** Throws UsageError for an output that only a run has, not a list. */
export function demandListOutput(output: ReportKind | undefined): void {
  if (output === 'junit' || output === 'github' || output === 'sarif')
    throw new UsageError(`--output ${output} is for runs, and this only lists`, {
      hint: 'write --output plain or --output json',
    })
}

const liveOutput = (): Option =>
  new Option(
    '--output <format>',
    'tty, plain, or json (NDJSON); default: tty on a terminal',
  ).choices(['tty', 'plain', 'json'])

const reportOutput = (): Option =>
  new Option(
    '--output <format>',
    'tty, plain, json (NDJSON), or for CI: junit, github, sarif; default: tty on a terminal',
  ).choices(REPORT_KINDS)

/** The options of HostsOptions. `output`: the option of that name. */
export const addHostsOptions = (command: Command, output = liveOutput()): Command =>
  command
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .option('--forks <n>', 'hosts worked on at the same time', '50')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option('--identity <file>', 'age identity that opens the secrets file')
    .addOption(output)
    .option('--lab', "run against the lab: a twin of the inventory on this machine (see 'fmc lab')")
    .option(
      '--vm <hosts>',
      'with --lab: boot these hosts as QEMU machines with a kernel of their own (repeatable)',
      repeatedLists,
    )
    .option(
      '--dirt <names>',
      "with --lab: hosts that are not blank (repeatable; 'fmc lab dirt' lists what there is)",
      repeatedLists,
    )
    .option('--yes', 'with --lab: install what the lab needs without asking')

/** The options that select plays and roles of a playbook. `limit`: what --limit says of itself. */
export const addSelectOptions = (command: Command, limit: string): Command =>
  command
    .option('-l, --limit <pattern>', limit, repeated)
    .option(
      '-t, --tags <tags>',
      'only plays or roles with one of these tags (repeatable)',
      repeatedLists,
    )
    .option(
      '--skip-tags <tags>',
      'no play or role with one of these tags (repeatable)',
      repeatedLists,
    )
    .option('--role <role>', 'only this role')

/** The options of RunOptions. */
export const addRunOptions = (command: Command): Command =>
  addHostsOptions(command, reportOutput())
    .option('--dry-run', 'say what would change; writes nothing')
    .option('-C, --check', 'the same as --dry-run')
    .option('--diff', 'show what changes in files')
    .option('--exit-code', 'with --dry-run: exit 3 when changes are pending')
    .option(
      '--artifacts <dir>',
      'take downloads from a directory, for sites without Internet (FMC_ARTIFACTS)',
    )
    .option('-v, --verbose', 'show tasks that are ok, too')
    .option(
      '--debug',
      'write every script and answer beside the record of the run, without secrets, one file per host',
    )
    .option(
      '--timing',
      'say at the end, on stderr, how long each phase took, and the slowest hosts and tasks',
    )
    .option('--list-hosts', 'list the plays with their hosts; connects to no host')
    .option('--list-tags', 'list the plays with their tags; connects to no host')
    .option(
      '--list-tasks',
      'list the tasks, as a plan finds them: it reads the hosts like a dry run',
    )
    .option(
      '--step',
      'before anything is applied to a host, ask: yes, no, or continue without asking',
    )
    .addOption(shardOption())
    .option('--start-at <role/task>', 'skip all tasks before this one; ROLE alone: its first task')
    .option('--out <file>', "with --dry-run: save the plan, for 'fmc apply'")
    .option(
      '--require-approval <name>',
      "with --out: 'fmc apply' refuses until NAME has approved (repeatable)",
      repeated,
    )
    .option('--not-before <time>', 'with --out: when it may be applied (2026-12-06T02:00Z, 3d)')
    .option('--valid-until <time>', 'with --out: until when it may be applied')
    .addOption(signingKeyOption())

/** What a command that runs no role needs of the lab: its hosts. */
export const noRoles = (): RunNeeds => ({ roles: [] })

/**
 * Does the work here, or with --lab runs this command line again inside the lab's network. `needs` says what of the lab it works
 * on; default: all hosts and any role.
 */
export async function inLabIfAsked(
  o: LabOptions & { readonly artifacts?: string },
  work: () => Promise<number>,
  needs: () => Promise<RunNeeds> | RunNeeds = () => ({}),
): Promise<number> {
  if (!o.lab || isInside())
    return work().catch((error: unknown) => {
      throw errorWithOwnFlags(error, o)
    })
  return runInside({
    inventory: o.inventory,
    vm: o.vm,
    dirt: o.dirt,
    needs: await needs(),
    artifactsDir: o.artifacts,
    yes: o.yes ?? false,
    log: printError,
    terminal: errorTerminal(),
  })
}

/** An option's value as a whole number of at least 1. */
export function positive(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`${option} ${text}: expected a whole number of at least 1`)
  return value
}
