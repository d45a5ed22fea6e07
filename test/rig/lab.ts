import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Lab, startLab } from '../../lib/testing/lab.ts'
import { proveRun } from '../../lib/testing/prove.ts'
import { fmcRoot, run as runProcess, type FmcRun, type Ran } from '../../lib/testing/run.ts'
import { enterHostNetwork } from './host-network.ts'

export { fmcInLab } from '../../lib/testing/lab.ts'
export type { FmcRun, Ran, RecapEvent, TaskEvent } from '../../lib/testing/run.ts'

export const ROOT = fmcRoot()

/** Runs a process to its end; the records of its runs do not go to the user's. */
export const run: typeof runProcess = (argv, o) =>
  runProcess(argv, { ...o, env: { FMC_STATE: join(ROOT, '.tap/state'), ...o?.env } })

/** A lab of its own for one test file, with what only fmc's own tests need. */
export class Rig extends Lab {
  /** fmc with a short time limit for gates: for gates that will not open. */
  fmcInVain(...args: readonly string[]): Promise<FmcRun> {
    return this.fmcWith({ FMC_GATE_SECONDS: '2' }, ...args)
  }

  on(host: string, script: string, input = ''): Promise<Ran> {
    return this.exec(host, script, input)
  }

  inLan(...argv: readonly string[]): Promise<Ran> {
    return this.inNetwork(...argv)
  }

  /** A program of this machine in a host's network. */
  inNetworkOf(host: string, ...argv: readonly string[]): Promise<Ran> {
    return run(enterHostNetwork(this.state, host, argv))
  }
}

/** The name of a test's lab on this machine: two checkouts may be tested at the same time. */
export const labName = (name: string): string =>
  `${name}-${createHash('sha256').update(ROOT).digest('hex').slice(0, 4)}`

/** Boots a lab; `of` must be the test file's own. Root is needed, and what `fmc lab up` needs. */
export async function rig(
  t: Test,
  of: string,
  o: { inventory?: string; vm?: string[]; hosts?: string[] } = {},
): Promise<Rig> {
  const inventory = o.inventory ?? join(ROOT, 'inventory.yaml')
  const log = (text: string): void => t.comment(text)
  const lab = await startLab(t, { ...o, inventory, name: labName(of), log })
  return new Rig(lab.state, lab.name, lab.inventory)
}

/** proveRun of fmc/testing for a test of tap. Returns the first real run. */
export async function proveRole(t: Test, r: Rig, ...args: readonly string[]): Promise<FmcRun> {
  const { run } = await proveRun(r, args)
  t.pass(`${args.join(' ')}: the run is what the dry run said, and a second run changes nothing`)
  return run
}
