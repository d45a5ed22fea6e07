import { $, directory, file, gate, link, probe, reboot, role, service } from '../../lib/index.ts'
import { outOfPool } from '../shared/balancers.ts'
import { isKnown } from '../shared/k3s/node-ready.ts'
import { nodeServes } from '../shared/k3s/serving.ts'
import { drained } from '../shared/k3s/drain.ts'
import { hasStarted } from '../shared/system-started.ts'
import { vars } from './vars.ts'

export default role({
  name: 'flatcar-update',
  summary:
    'Turns off Flatcar’s own updates, and makes them under fmc’s control: update, reboot, one host at a time',
  vars,
  platforms: { flatcar: {} },
  async tasks({ vars, host }) {
    await directory('/etc/flatcar')
    // SERVER comes last because flatcar-update puts it there: so its own edit leaves this text.
    await file('/etc/flatcar/update.conf', {
      content: `GROUP=${vars.flatcar_group}\nREBOOT_STRATEGY=off\nSERVER=disabled\n`,
    })
    await service('locksmithd', { state: 'stopped', enabled: false })
    await link('/etc/systemd/system/locksmithd.service', '/dev/null')
    const wanted = vars.flatcar_version
    if (wanted === undefined) return
    const due = (await versionNow()) !== wanted
    const node = await isKnown(host)
    const update = async (): Promise<void> => {
      if (due) {
        await $({
          unless: STAGED,
          timeoutSeconds: 1800,
        })`flatcar-update --to-version ${wanted} --disable-afterwards`
        // Always, even if the host has rebooted since this job began: that boot started the old system, else nothing were due.
        await reboot({ always: true })
      }
      await gate('the system has started', hasStarted, { timeoutSeconds: 300 })
      await gate(`it runs Flatcar ${wanted}`, () => runs(wanted), { timeoutSeconds: 10 })
      if (node) await nodeServes(host)
    }
    const restart = (): Promise<void> => outOfPool(host, 'machine', due, update)
    await (node ? drained(host, due, restart) : restart())
  },
})

/** Succeeds if an update waits for the reboot: flatcar-update would refuse to download it again. */
const STAGED =
  'update_engine_client -status 2>/dev/null | grep -q UPDATE_STATUS_UPDATED_NEED_REBOOT'

async function versionNow(): Promise<string> {
  return (await probe({ estimate: false })`. /etc/os-release && printf %s "$VERSION_ID"`).stdout
}

async function runs(wanted: string): Promise<true | string> {
  const now = await versionNow()
  return (
    now === wanted || `it runs ${now}: the new system did not start, so Flatcar booted the old one`
  )
}
