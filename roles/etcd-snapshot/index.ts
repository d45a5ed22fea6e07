import { hosts, role, TaskError, type Host } from '../../lib/index.ts'
import { healthyIn, SERVERS, survey, type Survey } from '../k3s-common/survey.ts'
import { takeSnapshot } from './take.ts'
import { vars } from './vars.ts'

export default role({
  name: 'etcd-snapshot',
  summary: 'A snapshot of etcd and the servers’ token, on this machine',
  vars,
  async tasks({ vars, host }) {
    if (speaks(host, await survey())) await takeSnapshot(vars.etcd_snapshot_dir)
  },
})

/** Is this the server that acts for the cluster? Throws TaskError when no server is healthy. */
export function speaks(host: Host, found: Survey): boolean {
  const up = healthyIn(found).map(([name]) => name)
  const speaker = hosts(SERVERS).find(s => up.includes(s.name))
  if (speaker) return speaker.name === host.name
  throw new TaskError('no K3s server is healthy: there is nothing to take a snapshot of', {
    hint: 'fmc play health says what is wrong',
  })
}
