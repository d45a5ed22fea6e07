import {
  directory,
  file,
  gate,
  guarded,
  inventory,
  nftText,
  packages,
  probe,
  role,
  rulesOf,
  service,
  sysctl,
  unit,
  type Host,
} from '../../lib/index.ts'
import { advise } from './advice.ts'
import { giveWay, KEEP_FIREWALLD, RESTORE_FIREWALLD } from './firewalld.ts'
import { PLATFORMS } from './platform.ts'
import { CLIENT, stillAdmits } from './ssh.ts'
import { FILE, KEEP, loaded, NAME, PUT_BACK, SAME, UNIT, UNIT_FILE } from './table.ts'
import { vars as schema, type Vars } from './vars.ts'

export default role({
  name: 'firewall',
  summary: 'nftables from declared flows: everything else is dropped, and SSH is never cut off',
  vars: schema,
  platforms: PLATFORMS,
  advise,
  async tasks({ vars, host, platform }) {
    const content = nftText(inventory(), host, vars)
    const seconds = vars.firewall_guard_seconds
    stillAdmits(
      rulesOf(inventory(), host, vars),
      (await probe({ estimate: false })`sh -c ${CLIENT}`).stdout,
    )
    if (platform.packages.length > 0) await packages(...platform.packages)
    if (routes(host, vars)) await sysctl('net.ipv4.ip_forward', 1)
    const files = [FILE, UNIT_FILE, `/etc/systemd/system/sysinit.target.wants/${NAME}.service`]
    await guarded('firewall', { files, save: KEEP, undo: PUT_BACK, seconds }, async () => {
      await directory('/etc/nftables', { mode: '0700' })
      const rules = await file(FILE, { content, mode: '0600', validate: f => `nft -c -f ${f}` })
      await unit(`${NAME}.service`, { content: UNIT })
      await loaded({ stale: rules.changed })
      await service(NAME)
    })
    // Until here both filter, and a packet has to pass both. Our table has just been proven.
    await guarded('firewalld', { save: KEEP_FIREWALLD, undo: RESTORE_FIREWALLD, seconds }, () =>
      giveWay({}),
    )
    await gate('the kernel has the table as it is written', async () =>
      (await probe`sh -c ${SAME}`).exitCode === 0
        ? true
        : `nft list table inet fmc is not what ${FILE} says`,
    )
  },
})

/** Does this host pass packets on? */
const routes = (host: Host, vars: Vars): boolean =>
  vars.firewall_forwards.length > 0 ||
  [...inventory().networks.values()].some(n => n.router === host.name)
