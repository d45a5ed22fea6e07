import { ask, resource, type Common } from '../../lib/index.ts'

/** The rules as a file. */
export const FILE = '/etc/nftables/fmc.nft'
/** The unit that loads the file at boot. */
export const NAME = 'fmc-nft'
export const UNIT_FILE = `/etc/systemd/system/${NAME}.service`

/** Loads the file before the network is up, and after nftables.service, which flushes everything. Stopping it leaves the table. */
export const UNIT = `[Unit]
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

/** Shell text that succeeds if the kernel's table is what the file says. An empty network namespace gives the file's listing. */
export const SAME = `command -v nft >/dev/null || exit 1
want=$(unshare -n -- sh -c 'nft -f ${FILE} && nft -s list table inet fmc' 2>/dev/null) && [ "$want" = "$(nft -s list table inet fmc 2>/dev/null)" ]`

/** For the guard: keeps the kernel's table. May fail: there is none yet. */
export const KEEP = 'nft -s list table inet fmc >table 2>/dev/null || :'
/**
 * For the guard: puts the kept table back. nft does not read every listing of its own as the same rules, so the file is
 * loaded first; the kept listing is loaded only if the file gives another table.
 */
export const PUT_BACK = `nft -f ${FILE} 2>/dev/null && [ "$(nft -s list table inet fmc)" = "$(cat table)" ] ||
printf 'table inet fmc\\ndelete table inet fmc\\n' | cat - table | nft -f -; code=$?
[ -e ${UNIT_FILE} ] || systemctl stop ${NAME}.service
exit $code`

interface Loaded extends Common {
  /** The file changes in this run. */
  readonly stale: boolean
}

/** The kernel has the table that the file describes. */
export const loaded = resource({
  name: () => 'table inet fmc',
  needs: (_: Loaded) => ({ same: ask('command', SAME) }),
  plan: ({ stale }, { same }) =>
    stale || same.code !== 0
      ? [
          {
            what: stale ? 'load' : "load: the kernel's table differs from the file",
            script: `nft -f ${FILE}`,
            factsAfter: [[ask('command', SAME), { code: 0, stdout: '', stderr: '' }]],
          },
        ]
      : [],
})
