import { on, role } from '../../lib/index.ts'
import { survey } from '../shared/k3s/survey.ts'
import { speaker, takeSnapshot } from '../shared/k3s/snapshot.ts'
import { vars } from './vars.ts'

export default role({
  name: 'etcd-snapshot',
  summary: 'Takes a snapshot of etcd and the servers’ token to this machine',
  vars,
  async tasks({ vars }) {
    await on(speaker(await survey()), () => takeSnapshot(vars.etcd_snapshot_dir))
  },
})
