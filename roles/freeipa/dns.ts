import {
  ask,
  quoteAll,
  resource,
  TaskError,
  type Common,
  type PlannedChange,
} from '../../lib/index.ts'
import type { Zone } from '../shared/dns/zones.ts'
import { ipa, ldapiOf, suffixOf } from '../shared/freeipa/names.ts'
import { parseLdif } from './ldif.ts'
import {
  directoryOf,
  forgetCalls,
  forwarderCall,
  zoneCalls,
  type Call,
  type Directory,
  type Forwarders,
} from './records.ts'

/** What is known of the directory server before a task: it is new, with this content; this run starts it; it runs. */
export type Server = Directory | 'starting' | 'running'

interface OnServer extends Common {
  readonly domain: string
  readonly server: Server
}

/**
 * Prints zones, records and forwarders. Root reads them over the directory server's socket (389 Directory Server, autobind:
 * root is the Directory Manager), without a ticket and without a password; ~/.ldaprc does not count (ldap.conf(5), LDAPNOINIT).
 */
export const directoryQuestion = (domain: string) =>
  ask(
    'command',
    `LDAPNOINIT=1 timeout 30 ${quoteAll([
      'ldapsearch',
      ...['-Q', '-LLL', '-o', 'ldif-wrap=no', '-Y', 'EXTERNAL', '-H', ldapiOf(domain)],
      ...['-b', `cn=dns,${suffixOf(domain)}`],
      '(|(objectClass=idnsZone)(objectClass=idnsRecord)(objectClass=idnsServerConfigObject))',
    ])}`,
    { code: 1, stdout: '', stderr: '' },
    16 * 1024 * 1024,
  )

/** undefined while the server starts. Throws TaskError when a running one does not answer. */
function read(
  { code, stdout, stderr }: { code: number; stdout: string; stderr: string },
  server: Server,
): Directory | undefined {
  if (typeof server === 'object') return server
  if (code === 0) return directoryOf(parseLdif(stdout))
  if (server === 'starting') return undefined
  throw new TaskError(
    `FreeIPA's directory server does not answer: ${stderr.trim().split('\n').at(-1) || `ldapsearch ended with ${code}`}`,
    { hint: 'ipactl status on the host says what does not run' },
  )
}

const change = (domain: string, { what, words }: Call): PlannedChange => ({
  what,
  script: ipa(domain, ...words),
})

/** A zone with its records. What fmc does not declare is left alone. */
export const dnsZone = resource({
  name: ({ zone }: OnServer & { readonly zone: Zone }) => `zone ${zone.name}`,
  needs: ({ domain }) => ({ now: directoryQuestion(domain) }),
  plan({ zone, domain, server }, { now }) {
    const directory = read(now, server)
    return directory ? zoneCalls(zone, directory).map(c => change(domain, c)) : []
  },
})

/** The resolvers that the server asks for names of others. */
export const forwarders = resource({
  name: ({ fqdn }: OnServer & { readonly fqdn: string; readonly wanted: Forwarders }) =>
    `forwarders of ${fqdn}`,
  needs: ({ domain }) => ({ now: directoryQuestion(domain) }),
  plan({ fqdn, wanted, domain, server }, { now }) {
    const directory = read(now, server)
    const call = directory && forwarderCall(fqdn, wanted, directory)
    return call ? [change(domain, call)] : []
  },
})

/** The names and pointers of a host are gone. */
export const noNames = resource({
  name: ({ name }: OnServer & { readonly name: string; readonly zones: readonly Zone[] }) =>
    `no names of ${name}`,
  needs: ({ domain }) => ({ now: directoryQuestion(domain) }),
  plan({ zones, domain, server }, { now }) {
    const directory = read(now, server)
    const records = zones.flatMap(z => z.records)
    return directory ? forgetCalls(records, zones, directory).map(c => change(domain, c)) : []
  },
})
