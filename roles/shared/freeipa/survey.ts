import { nonsense, probe, quote } from '../../../lib/index.ts'

/** What a host has of FreeIPA. */
export interface Found {
  /** realm, domain and host of /etc/ipa/default.conf (default.conf(5)). */
  readonly conf: Readonly<Record<string, string>>
  /** Did the installation of the server, or of the client, come to its end? undefined: neither yes nor no is noted. */
  readonly server: boolean | undefined
  readonly client: boolean | undefined
  /** An installer has changed something and not taken it back. */
  readonly serverTraces: boolean
  readonly clientTraces: boolean
  /** Instances of the 389 Directory Server. */
  readonly instances: readonly string[]
  /** fmc began the installation, and it did not come to its end. */
  readonly begun: boolean
  /** Addresses that /etc/hosts gives for the host's full name. */
  readonly addresses: readonly string[]
}

/** Is there while fmc installs the server. */
export const BEGUN = '/var/lib/fmc/freeipa-begun'

/**
 * Read-only shell text. The installers note in sysrestore.state, section installation, whether they came to their end
 * (FreeIPA, ipalib/facts.py), and in sysrestore.index which files they have replaced (ipalib/install/sysrestore.py).
 */
export const surveyScript = (fqdn: string): string => `conf=/etc/ipa/default.conf
[ ! -f $conf ] || sed -n 's/^ *\\(realm\\|domain\\|host\\) *= */conf \\1 /p' $conf
for kind in ipa ipa-client; do
  d=/var/lib/$kind/sysrestore
  [ ! -f $d/sysrestore.state ] || sed -n "/^\\[installation\\]/,/^\\[/s/^ *complete *= */complete $kind /p" $d/sysrestore.state
  if [ -s $d/sysrestore.state ] || [ -s $d/sysrestore.index ]; then echo "traces $kind"; fi
done
for d in /etc/dirsrv/slapd-*; do [ ! -d "$d" ] || echo "instance \${d##*/slapd-}"; done
[ ! -e ${BEGUN} ] || echo begun
getent -s files ahosts ${quote(fqdn)} | while read -r address _; do echo "address $address"; done | sort -u`

/** Parses its answer. Throws TaskError for a line that the script cannot print. */
export function parseSurvey(text: string): Found {
  const conf: Record<string, string> = {}
  const complete: Record<string, boolean> = {}
  const traces = new Set<string>()
  const instances: string[] = []
  const addresses: string[] = []
  let begun = false
  for (const line of text.split('\n').filter(Boolean)) {
    const [, key, first = '', rest = ''] =
      /^([a-z]+)(?: (\S{1,255})(?: (\S{1,255}))?)?\s*$/.exec(line) ?? []
    const of = first === 'ipa' || first === 'ipa-client'
    if (key === 'conf' && /^(realm|domain|host)$/.test(first) && rest !== '') conf[first] = rest
    else if (key === 'complete' && of && /^(True|False)$/.test(rest))
      complete[first] = rest === 'True'
    else if (key === 'traces' && of) traces.add(first)
    else if (key === 'instance' && first !== '') instances.push(first)
    else if (key === 'address' && first !== '') addresses.push(first)
    else if (line === 'begun') begun = true
    else throw nonsense('the host', 'its state of FreeIPA', line)
  }
  return {
    conf,
    server: complete['ipa'],
    client: complete['ipa-client'],
    serverTraces: traces.has('ipa'),
    clientTraces: traces.has('ipa-client'),
    instances,
    begun,
    addresses,
  }
}

/** What this host has. Call it before anything changes. */
export async function survey(fqdn: string): Promise<Found> {
  const { stdout } = await probe({ whenNew: '' })`sh -c ${surveyScript(fqdn)}`
  return parseSurvey(stdout)
}
