import { hostOf } from '../../../lib/lab/enter.ts'
import type { LabState } from '../../../lib/lab/index.ts'
import { leaderOf } from '../../../lib/lab/machines/nspawn.ts'
import { run, type Ran } from '../../../lib/testing/run.ts'

/**
 * Runs shell text as root on a host of the lab, past its network and its sshd: by the namespaces of its init. So a change by hand
 * may cut the host off.
 */
export function inside(state: LabState, host: string, script: string): Promise<Ran> {
  const leader = leaderOf(hostOf(state, host).pid)
  if (leader === undefined) throw new Error(`${host} is not up`)
  const env = 'PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const argv = ['nsenter', '-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-r', '-w']
  return run([...argv, 'env', '-i', env, 'LC_ALL=C', 'sh'], { input: script })
}
