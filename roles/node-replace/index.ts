import { begun, probe, reboot, role } from '../../lib/index.ts'
import { k3sUnitOf } from '../shared/k3s/node-ready.ts'
import { stampOf } from '../shared/k3s/snapshot.ts'
import { KUBELET, movedTo, noOldData, startedEmpty } from './old-data.ts'
import { vars } from './vars.ts'

export default role({
  name: 'node-replace',
  summary: 'Makes sure that a host starts from nothing before it joins under an old name',
  vars,
  async tasks({ vars, host }) {
    const stamp = stampOf(begun())
    const hadData = await hadOldData(stamp)
    await noOldData({
      host: host.name,
      unit: k3sUnitOf(host),
      wipe: vars.node_replace_wipe,
      stamp,
    })
    // Containers of the old node keep running until then.
    if (hadData) await reboot()
  },
})

/** Did the host have data of an older node when this job first saw it? */
async function hadOldData(stamp: string): Promise<boolean> {
  const exists = async (path: string) => (await probe({ estimate: false })`test -e ${path}`).ok
  if (await exists(movedTo(stamp))) return true
  return (await exists(KUBELET)) && !(await exists(startedEmpty(stamp)))
}
