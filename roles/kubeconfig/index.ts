import {
  gate,
  hosts,
  inventory,
  localFile,
  probe,
  readSecret,
  role,
  Secret,
  vips,
  type Host,
} from '../../lib/index.ts'
import { OWN_CURL_WORDS } from '../shared/curl.ts'
import { expandHome, kubeconfigPath } from '../shared/k3s/kubeconfig-path.ts'
import { CONFIG_DIR, DATA_DIR } from '../shared/k3s/platform.ts'
import { addressOf, survey } from '../shared/k3s/survey.ts'
import { mergedInto, pointedTo } from './kubeconfig.ts'
import { vars } from './vars.ts'

export default role({
  name: 'kubeconfig',
  summary:
    'kubectl’s file on this machine, pointing to the VIP; on request in the user’s own file, too',
  vars,
  async tasks({ vars, host }) {
    if (!(await isFirstReachable(host))) return
    const server = `https://${vars.kubeconfig_server ?? apiAddress(host)}:6443`
    const name = vars.kubeconfig_context ?? inventory().domain
    await gate(`the API answers on ${server}`, () => answers(server), { timeoutSeconds: 60 })

    const source = await readSecret(K3S_YAML)
    const named = source && new Secret(source.reveal(), `${K3S_YAML} of ${host.name}`)
    const ours = named && (await pointedTo(named, server, name))
    await localFile(kubeconfigPath(vars.kubeconfig_path), { content: ours })
    if (!vars.kubeconfig_merge) return
    const own = expandHome(vars.kubeconfig_merge_into)
    await localFile(own, { content: now => ours && mergedInto(own, now, ours) })
  },
})

/** The administrator's kubeconfig that K3s writes. */
const K3S_YAML = `${CONFIG_DIR}/k3s.yaml`

/** Is this the first reachable server of the inventory? Its admin file is taken; it is the same server all through a run. */
async function isFirstReachable({ name }: Host): Promise<boolean> {
  const [first] = [...(await survey())].find(([, state]) => typeof state === 'object') ?? []
  return first === name
}

/** The VIP before the servers; without one, this server itself. */
const apiAddress = (host: Host): string =>
  vips().find(v => v.check === 'k3s' && hosts(v.backends).some(h => h.name === host.name))
    ?.address ?? addressOf(host)

/**
 * true when the API answers on this address, else why not. The question goes from this server through the balancers, and
 * the certificate must be for that name. 401 counts: the API serves, and asks for credentials.
 */
async function answers(server: string): Promise<true | string> {
  const { stdout, stderr } = await probe({
    estimate: false,
  })`${OWN_CURL_WORDS} -sS -m 5 -o /dev/null -w ${'%{http_code}'} --cacert ${`${DATA_DIR}/server/tls/server-ca.crt`} ${`${server}/readyz`}`
  if (/^(200|401)$/.test(stdout)) return true
  return stderr.trim() || `${server}/readyz answers ${stdout}`
}
