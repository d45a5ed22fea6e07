import assert from 'node:assert/strict'
import { startLab, type Lab, type LabOptions } from './lab.ts'
import type { FmcRun } from './run.ts'

/** A role on hosts of a lab. */
export interface RoleRun {
  /** The role's name, or the path of its index.ts. */
  readonly role: string
  /** Pattern or list of hosts; default all. */
  readonly hosts?: string | readonly string[] | undefined
  /** Variables that replace those of the inventory. */
  readonly vars?: Readonly<Record<string, unknown>> | undefined
}

/** What proveRole needs: a lab that is up, or what to make one from. */
export interface RoleProof extends RoleRun, Omit<LabOptions, 'hosts'> {
  /** A lab that is up and stays up; default: one of these hosts, which proveRole takes down at its end. */
  readonly lab?: Lab | undefined
}

/** The three runs that prove a role. */
export interface Proof {
  readonly dryRun: FmcRun
  readonly run: FmcRun
  readonly again: FmcRun
}

/**
 * Proves what every role promises: its dry run fails nowhere and predicts exactly; a run makes these changes and no
 * others; a second run makes none. Throws an AssertionError that says which of it did not hold.
 *
 * @example
 * import { test } from 'node:test'
 * import { proveRole } from 'fmc/testing'
 *
 * test('motd on Debian and Rocky', async () => {
 *   const { run } = await proveRole({ role: 'motd', hosts: 'web1,rocky1', vars: { motd_text: 'hello' } })
 *   assert.ok(run.changed.includes('web1 motd/file /etc/motd'))
 * })
 */
export async function proveRole(o: RoleProof): Promise<Proof> {
  if (o.lab !== undefined) return proveRun(o.lab, roleArgs(o))
  const lab = await startLab(undefined, o)
  try {
    return await proveRun(lab, roleArgs(o))
  } finally {
    await lab.down()
  }
}

/** The same for any command line of fmc that changes hosts, such as `play site`. */
export async function proveRun(lab: Lab, args: readonly string[]): Promise<Proof> {
  const dryRun = await lab.fmc(...args, '--dry-run')
  fine(dryRun, 'the dry run')
  const run = await lab.fmc(...args)
  fine(run, 'the run')
  assert.deepEqual(run.changed, dryRun.changed, 'the run changed what the dry run had predicted')
  const counts = ['failed', 'unreachable', 'unpredicted', 'unneeded'] as const
  for (const count of counts) assert.equal(run.recap?.[count], 0, `the run's recap: ${count}`)
  const again = await lab.fmc(...args)
  fine(again, 'the second run')
  assert.deepEqual(again.changed, [], 'a second run changes nothing')
  return { dryRun, run, again }
}

/** A fault, and the gate that has to notice it. */
export interface GateProof extends RoleRun {
  readonly lab: Lab
  /** The gate's name in the role. */
  readonly gate: string
  /** The host to break; default: the first of the lab. */
  readonly on?: string | undefined
  /** Shell text that breaks the service in a way that the role does not repair, such as a firewall rule. */
  readonly break: string
  /** Shell text that undoes it; then the gate has to open again. */
  readonly mend?: string | undefined
}

/**
 * Proves that a gate notices a fault: breaks a host on which the role has run, and expects the next run to fail at this
 * gate. Gates wait two seconds instead of their own limit. Returns the failed run. Throws an AssertionError when the run
 * succeeds or fails elsewhere.
 *
 * @example
 * await proveGate({
 *   lab, role: 'nginx', hosts: 'web1', gate: 'nginx answers',
 *   break: 'ip link set lo down', mend: 'ip link set lo up',
 * })
 */
export async function proveGate(o: GateProof): Promise<FmcRun> {
  const host = o.on ?? o.lab.state.hosts[0]?.name ?? ''
  await o.lab.text(host, o.break)
  const run = await o.lab.fmcWith({ FMC_GATE_SECONDS: '2' }, ...roleArgs(o))
  const failed = run.tasks.filter(task => task.status === 'failed').map(t => `${t.host} ${t.task}`)
  assert.deepEqual(failed, [`${host} gate ${o.gate}`], `the gate fails${said(run)}`)
  assert.equal(run.code, 2, `exit code of the run${said(run)}`)
  if (o.mend !== undefined) {
    await o.lab.text(host, o.mend)
    fine(await o.lab.fmc(...roleArgs(o)), 'the run after the fault is mended')
  }
  return run
}

const roleArgs = ({ role, hosts = 'all', vars = {} }: RoleRun): string[] => [
  ...['role', role, typeof hosts === 'string' ? hosts : hosts.join(',')],
  ...Object.entries(vars).flatMap(([name, value]) => ['-e', `${name}=${JSON.stringify(value)}`]),
]

const fine = (run: FmcRun, what: string): void =>
  assert.equal(
    run.code,
    0,
    `${what} exits with ${run.code}, not 0${run.code === 0 ? '' : said(run)}`,
  )

const said = (run: FmcRun): string =>
  [run.failures.join('\n'), run.stderr].map(text => text.trim() && `\n${text.trim()}`).join('')
