import { hosts, on, role, TaskError, type Host } from '../../lib/index.ts'
import { healthyIn, SERVERS, survey, type Survey } from '../shared/k3s/survey.ts'
import { takeSnapshot } from '../shared/k3s/snapshot.ts'
import { vars } from './vars.ts'

export default role({
  name: 'etcd-snapshot',
  summary: 'A snapshot of etcd and the servers’ token, on this machine',
  vars,
  async tasks({ vars }) {
    await on(speaker(await survey()), () => takeSnapshot(vars.etcd_snapshot_dir))
  },
})

/** The server that acts for the cluster, whatever --limit leaves. Throws TaskError when none is healthy. */
export function speaker(found: Survey): Host {
  const up = healthyIn(found).map(([name]) => name)
  const first = hosts(SERVERS).find(s => up.includes(s.name))
  if (first) return first
  throw new TaskError('no K3s server is healthy: there is nothing to take a snapshot of', {
    hint: 'fmc play health says what is wrong',
  })
}
