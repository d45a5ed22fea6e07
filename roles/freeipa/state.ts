import { TaskError } from '../../lib/index.ts'
import type { Found } from '../shared/freeipa/survey.ts'

/** The server that the inventory declares. */
export interface Declared {
  /** The host's name in the inventory. */
  readonly host: string
  readonly fqdn: string
  readonly realm: string
  readonly domain: string
  readonly addresses: readonly string[]
}

/** absent: install it. interrupted: fmc's own installation did not end; take it back and install. installed: as declared. */
export type ServerState = 'absent' | 'interrupted' | 'installed'

/** What to do on a host. Throws TaskError for what fmc must not touch, with what is there and the command that removes it. */
export function judgeServer(found: Found, want: Declared): ServerState {
  const again = (what: string): string =>
    `if it may go: fmc run ${want.host} -- ${what} --uninstall --unattended; then run again`
  if (found.server === true) {
    const other = (['realm', 'domain', 'host'] as const).flatMap(key => {
      const declared = { realm: want.realm, domain: want.domain, host: want.fqdn }[key]
      const has = found.conf[key]
      return has === declared ? [] : [`its ${key} is ${has ?? 'missing'} and not ${declared}`]
    })
    if (other.length === 0) return 'installed'
    throw new TaskError(`another FreeIPA server is installed here: ${other.join(', ')}`, {
      hint: `neither can be changed later. Correct the inventory, or, ${again('ipa-server-install')}`,
    })
  }
  const traces = found.serverTraces || found.instances.length > 0
  if (found.begun) return traces ? 'interrupted' : 'absent'
  if (traces)
    throw new TaskError(
      `half of a FreeIPA server, or a directory server of somebody else, is installed here: ${[
        ...(found.serverTraces ? ['/var/lib/ipa/sysrestore has files'] : []),
        ...found.instances.map(i => `/etc/dirsrv/slapd-${i}`),
      ].join(', ')}`,
      { hint: `/var/log/ipaserver-install.log says what happened; ${again('ipa-server-install')}` },
    )
  if (found.client === true || found.clientTraces)
    throw new TaskError(
      `this host is enrolled in a FreeIPA realm (${found.conf['realm'] ?? 'unknown'}), so it cannot become a server`,
      { hint: again('ipa-client-install') },
    )
  const wrong = found.addresses.filter(a => !want.addresses.includes(a))
  if (wrong.length > 0)
    throw new TaskError(
      `/etc/hosts says that ${want.fqdn} is ${wrong.join(', ')}, and FreeIPA needs an address of the inventory there`,
      { hint: `take the name off that line of /etc/hosts on ${want.host}` },
    )
  return 'absent'
}
