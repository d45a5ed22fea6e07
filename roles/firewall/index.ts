import {
  ask,
  directory,
  file,
  gate,
  guarded,
  inventory,
  nftText,
  packages,
  probe,
  resource,
  role,
  rulesOf,
  service,
  sysctl,
  unit,
  type Common,
  type Host,
} from '../../lib/index.ts'
import { advise } from './advice.ts'
import { PLATFORMS } from './platform.ts'
import { CLIENT, stillAdmits } from './ssh.ts'
import { vars as schema, type Vars } from './vars.ts'

const FILE = '/etc/nftables/fmc.nft'
const NAME = 'fmc-nft'
const UNIT_FILE = `/etc/systemd/system/${NAME}.service`

/** Before the network is up, and after what flushes everything. Stopping it leaves the table as it is. */
const UNIT = `[Unit]
Description=fmc's firewall, table inet fmc
Documentation=man:nft(8)
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target nftables.service
Before=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f ${FILE}
ExecReload=nft -f ${FILE}
[Install]
WantedBy=sysinit.target
`

/** Is the table in the kernel what the file says? The file's own listing comes from a network namespace that nobody is in. */
const SAME = `command -v nft >/dev/null || exit 1
want=$(unshare -n -- sh -c 'nft -f ${FILE} && nft -s list table inet fmc' 2>/dev/null) && [ "$want" = "$(nft -s list table inet fmc 2>/dev/null)" ]`

const KEEP = 'nft -s list table inet fmc >table 2>/dev/null || :'
/** nft does not read every listing of its own back as the same rules: what the file gives comes first, if that is what was there. */
const PUT_BACK = `nft -f ${FILE} 2>/dev/null && [ "$(nft -s list table inet fmc)" = "$(cat table)" ] ||
printf 'table inet fmc\\ndelete table inet fmc\\n' | cat - table | nft -f -; code=$?
[ -e ${UNIT_FILE} ] || systemctl stop ${NAME}.service
exit $code`

const OTHER = 'for q in enabled active; do systemctl is-$q firewalld >$q || :; done'
const OTHER_BACK = `[ "$(cat enabled)" != enabled ] || systemctl -q enable firewalld
[ "$(cat active)" != active ] || systemctl start firewalld`

interface Loaded extends Common {
  /** The file is about to change. */
  readonly stale: boolean
}
const loaded = resource({
  name: () => 'table inet fmc',
  needs: (_: Loaded) => ({ same: ask('command', SAME) }),
  plan: ({ stale }, { same }) =>
    stale || same.code !== 0
      ? [
          {
            what: stale ? 'load' : 'load: what the kernel has is not what the file says',
            script: `nft -f ${FILE}`,
            factsAfter: [[ask('command', SAME), { code: 0, stdout: '', stderr: '' }]],
          },
        ]
      : [],
})

const giveWay = resource({
  name: (_: Common) => "firewalld gives way to fmc's table",
  needs: () => ({ unit: ask('unit', 'firewalld') }),
  plan(_, { unit: now }) {
    const off = now.active !== 'active' && now.enabled !== 'enabled'
    if (now.load === 'not-found' || off) return []
    const left = { ...now, active: 'inactive', enabled: 'disabled' } as const
    return [
      {
        what: "stop and disable firewalld: fmc's own table is loaded and proven",
        script: 'systemctl -q disable --now firewalld.service',
        factsAfter: [[ask('unit', 'firewalld'), left]],
      },
    ]
  },
})

const routes = (host: Host, vars: Vars): boolean =>
  vars.firewall_forwards.length > 0 ||
  [...inventory().networks.values()].some(n => n.router === host.name)

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
    // Where both filter, a packet has to pass both: only one may own it, and ours has just been proven.
    await guarded('firewalld', { save: OTHER, undo: OTHER_BACK, seconds }, () => giveWay({}))
    await gate('the kernel has the table as it is written', async () =>
      (await probe`sh -c ${SAME}`).exitCode === 0
        ? true
        : `nft list table inet fmc is not what ${FILE} says`,
    )
  },
})
