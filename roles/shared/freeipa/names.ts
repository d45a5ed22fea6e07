import { quoteAll, type Host } from '../../../lib/index.ts'

/** Group of the FreeIPA server. */
export const SERVERS = 'ipa_servers'
/** Group of the hosts that are enrolled. */
export const CLIENTS = 'ipa_clients'

/** The Kerberos realm: the domain in capitals, as ipa-server-install(1) strongly recommends. */
export const realmOf = (domain: string): string => domain.toUpperCase()

/** A host's full name. FreeIPA keeps it in small letters. */
export const fqdnOf = ({ name }: Pick<Host, 'name'>, domain: string): string =>
  `${name}.${domain}`.toLowerCase()

/** `cloud.internal` → `dc=cloud,dc=internal` (ipapython, realm_to_suffix). */
export const suffixOf = (domain: string): string =>
  domain
    .toLowerCase()
    .split('.')
    .map(label => `dc=${label}`)
    .join(',')

/** The directory server's socket, as a URI for LDAP clients (ipapython, realm_to_ldapi_uri; ipaplatform, SLAPD_INSTANCE_SOCKET_TEMPLATE). */
export const ldapiOf = (domain: string): string =>
  `ldapi://${encodeURIComponent(`/run/slapd-${realmOf(domain).replaceAll('.', '-')}.socket`)}`

/**
 * Shell text that runs a command of ipa(1) as root on the server: over the directory server's own socket, where root needs
 * no ticket and no password (FreeIPA, doc/designs/sysaccounts.md, "as the privileged root user"; ipa(1), AUDIT AND LOGGING,
 * [autobind]). `-n` asks for nothing. The socket is named, because ~/.ipa could name another. Without `words`, further
 * words may follow.
 */
export const ipa = (domain: string, ...words: readonly string[]): string =>
  `LC_ALL=C ipa ${quoteAll(['-n', '-e', 'in_server=true', '-e', `ldap_uri=${ldapiOf(domain)}`, ...words])} </dev/null`

/** Where Kerberos keeps the host's key, which both installers write (ipa-client-install(1)). */
export const KEYTAB = '/etc/krb5.keytab'

/** Words of a kinit(1) that logs in with the host's key and keeps the ticket in its own memory: no file is written. */
export const hostLogin = (fqdn: string, domain: string): readonly string[] => [
  'timeout',
  '20',
  'kinit',
  '-k',
  '-t',
  KEYTAB,
  '-c',
  'MEMORY:fmc',
  `host/${fqdn}@${realmOf(domain)}`,
]
