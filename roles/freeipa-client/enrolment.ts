import {
  guarded,
  on,
  quote,
  quoteAll,
  readSecret,
  resource,
  Secret,
  type Common,
  type Host,
} from '../../lib/index.ts'
import { fqdnOf, ipa, ldapiOf, realmOf } from '../shared/freeipa/names.ts'
import type { Vars } from './vars.ts'

/** Where the server keeps a key until its host has it: in memory, for root alone. */
const KEYS = '/run/fmc-freeipa'

/** What an enrolment is made from. */
export interface Enrolment {
  readonly host: Host
  readonly server: Host
  readonly domain: string
  readonly vars: Vars
}

/**
 * Shell text for the server: makes the host's entry, unless it is there (exit code 2 of ipa(1): not found), and a key for it. Root
 * needs no ticket (ipa-getkeytab(1), -Y EXTERNAL with -H). A new key makes an old one useless, and the host has none.
 */
export const keyScript = (fqdn: string, domain: string): string => `umask 077
mkdir -p ${KEYS}
rm -f -- ${KEYS}/${fqdn} ${KEYS}/${fqdn}.keytab
code=0
${ipa(domain, 'host-show', fqdn)} >/dev/null 2>&1 || code=$?
case $code in
  0) ;;
  2) ${ipa(domain, 'host-add', fqdn)} >/dev/null ;;
  *) ${ipa(domain, 'host-show', fqdn)} ;;
esac
ipa-getkeytab -q -Y EXTERNAL -H ${quote(ldapiOf(domain))} -p ${quote(`host/${fqdn}`)} -k ${KEYS}/${fqdn}.keytab </dev/null
base64 -w0 ${KEYS}/${fqdn}.keytab >${KEYS}/${fqdn}
rm -f -- ${KEYS}/${fqdn}.keytab`

/** The options of ipa-client-install(1) besides --keytab. */
export const clientOptions = ({ host, server, domain, vars }: Enrolment): readonly string[] => [
  '--unattended',
  `--realm=${realmOf(domain)}`,
  `--domain=${domain}`,
  `--server=${fqdnOf(server, domain)}`,
  `--hostname=${fqdnOf(host, domain)}`,
  `--ntp-server=${fqdnOf(server, domain)}`,
  ...(vars.freeipa_client_homes ? ['--mkhomedir'] : []),
  ...(vars.freeipa_client_sshd ? [] : ['--no-ssh', '--no-sshd']),
]

/**
 * Shell text for the host. Standard input is the key in base64, and the installer reads it from a file that only root can
 * read: a one-time password would stand in the arguments of ipa-join(1) for all users to see (FreeIPA, ipaclient/install/client.py).
 * With a key that the server made for the host, the installer logs in as the host and joins (ipa-client-install(1), --keytab).
 */
export const joinScript = (options: readonly string[]): string => `umask 077
d=$(mktemp -d /run/fmc-freeipa.XXXXXX) || exit 1
trap 'rm -rf -- "$d"' EXIT
base64 -d >"$d/keytab" || exit 1
umask 022
ipa-client-install --keytab="$d/keytab" ${quoteAll(options)} </dev/null`

/** Takes an enrolment back that has come to its end; one that fails takes itself back. */
const UNDO = `if grep -qs '^complete = True' /var/lib/ipa-client/sysrestore/sysrestore.state; then ipa-client-install --uninstall --unattended; fi`

/** Longer than the installer takes: it waits for chrony and for SSSD. */
const SECONDS = 900

/**
 * Enrols the host. If fmc cannot log in afterwards over a new connection, the host leaves the realm by itself: an enrolment
 * changes PAM, and with it every login.
 */
export async function enrol(enrolment: Enrolment): Promise<void> {
  const { host, server, domain } = enrolment
  const fqdn = fqdnOf(host, domain)
  await guarded('freeipa-client', { undo: UNDO, seconds: SECONDS }, async () => {
    const key = await on(server, async () => {
      await step({ name: `key for ${fqdn}`, what: 'make', script: keyScript(fqdn, domain) })
      return readSecret(`${KEYS}/${fqdn}`)
    })
    const script = `printf %s ${quote(key?.reveal() ?? '')} | sh -euc ${quote(joinScript(clientOptions(enrolment)))}`
    await step({
      name: `FreeIPA client ${fqdn}`,
      what: `enrol, realm ${realmOf(domain)}`,
      script: new Secret(script, key?.name),
    })
    await on(server, () =>
      step({
        name: `no key for ${fqdn}`,
        what: 'delete: the host has it',
        script: `rm -f -- ${quote(`${KEYS}/${fqdn}`)}`,
      }),
    )
  })
}

interface Step extends Common {
  readonly name: string
  readonly what: string
  readonly script: string | Secret
}

/** A step of an enrolment, which is made whole or not at all: what the host has decides before the first one. */
const step = resource({
  name: ({ name }: Step) => name,
  opaque: true,
  needs: () => ({}),
  plan: ({ what, script }) => [{ what, script, timeoutMs: SECONDS * 1000 }],
})
