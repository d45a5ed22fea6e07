import {
  ask,
  quote,
  quoteAll,
  resource,
  Secret,
  TaskError,
  type Common,
  type PlannedChange,
} from '../../lib/index.ts'
import { BEGUN } from '../shared/freeipa/survey.ts'
import type { Declared, ServerState } from './state.ts'
import type { Vars } from './vars.ts'

/**
 * Runs ipa-server-install with both passwords as options, without a process that has them in its arguments: Python reads them
 * from standard input and sets sys.argv in its own memory. Unattended, the installer takes its passwords as options only
 * (ipa-server-install(1), -p and -a); it is a Python program (FreeIPA, install/tools/ipa-server-install.in) and leaves its
 * sensitive options out of its log (ipapython/admintool.py, safe_options). Its children get no standard input.
 */
const PROGRAM = `import os, runpy, sys
directory, admin = sys.stdin.read().splitlines()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.argv = ["ipa-server-install", "--ds-password=" + directory, "--admin-password=" + admin] + sys.argv[1:]
runpy.run_path("/usr/sbin/ipa-server-install", run_name="__main__")`

/**
 * The options of ipa-server-install(1). sshd and ssh stay as they are, so that root's login does not depend on FreeIPA; chrony
 * is the role's own; the reverse zones are made by the role, as all networks need them.
 */
export const installOptions = (
  { realm, domain, fqdn, addresses }: Declared,
  vars: Pick<Vars, 'dns_upstreams' | 'freeipa_forward_policy'>,
): readonly string[] => [
  '--unattended',
  `--realm=${realm}`,
  `--domain=${domain}`,
  `--hostname=${fqdn}`,
  ...addresses.map(a => `--ip-address=${a}`),
  '--setup-dns',
  ...vars.dns_upstreams.map(u => `--forwarder=${u}`),
  `--forward-policy=${vars.freeipa_forward_policy}`,
  '--no-reverse',
  '--no-ntp',
  '--no-ssh',
  '--no-sshd',
]

/**
 * What the installer would refuse, before anything changes (FreeIPA, ipaserver/install/server/install.py,
 * validate_dm_password and validate_admin_password). Throws TaskError without the password.
 */
export function checkPassword(variable: string, password: Secret): void {
  const text = password.reveal()
  const wrong =
    text.length < 8
      ? 'it has less than 8 characters'
      : !/^[\x20-\x7e]*$/.test(text)
        ? 'it has characters other than printable ASCII'
        : text.includes('\\')
          ? 'it has a backslash'
          : text.trim() !== text
            ? 'it begins or ends with a space'
            : undefined
  if (wrong !== undefined)
    throw new TaskError(`${variable}: FreeIPA does not accept this password: ${wrong}`, {
      hint: `fmc secrets set ${password.name}`,
    })
}

/** Shell text. The installer wants this mask (ipaserver/install/installutils.py, validate_mask). */
export function installScript(
  state: Exclude<ServerState, 'installed'>,
  options: readonly string[],
  directory: Secret,
  admin: Secret,
): Secret {
  const remove = state === 'interrupted' ? 'ipa-server-install --uninstall --unattended\n' : ''
  return new Secret(
    `umask 022
mkdir -p -m 0755 /var/lib/fmc
: >${BEGUN}
${remove}printf '%s\\n' ${quote(directory.reveal())} ${quote(admin.reveal())} | python3 -I -c ${quote(PROGRAM)} ${quoteAll(options)}
rm -f -- ${BEGUN}`,
    admin.name,
  )
}

interface Installation extends Common {
  readonly state: ServerState
  readonly declared: Declared
  readonly vars: Vars
}

/** The server, installed once. The plan knows what the installer leaves: ipa.service enabled, not started. */
export const installation = resource({
  name: ({ declared }: Installation) => `FreeIPA server ${declared.fqdn}`,
  opaque: true,
  needs: () => ({}),
  plan({ state, declared, vars }): PlannedChange[] {
    if (state === 'installed') return []
    const { freeipa_directory_password: directory, freeipa_admin_password: admin } = vars
    return [
      {
        what: `${state === 'interrupted' ? 'take back the interrupted installation, and ' : ''}install, realm ${declared.realm}`,
        script: installScript(state, installOptions(declared, vars), directory, admin),
        timeoutMs: 3_600_000,
        factsAfter: [
          [
            ask('unit', 'ipa'),
            { load: 'loaded', active: 'inactive', enabled: 'enabled', reload: false },
          ],
        ],
      },
    ]
  },
  cause: (_, output) => /^(?:ipa-server-install: error: |ERROR +)(.*)$/m.exec(output)?.[1],
})
