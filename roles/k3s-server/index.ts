import {
  $,
  directory,
  file,
  flush,
  gate,
  hosts,
  inventory,
  markOf,
  on,
  packages,
  probe,
  role,
  service,
  TaskError,
  vips,
  waitFor,
  type Host,
} from '../../lib/index.ts'
import { outOfPool } from '../shared/balancers.ts'
import { interfaceOf } from '../shared/interface-of.ts'
import { portsAreFree } from '../shared/ports.ts'
import { k3sPorts } from '../shared/k3s/ports.ts'
import { presentHere, refusedAdoption } from '../shared/k3s/adoption.ts'
import { labelled, prepareSystem } from '../shared/k3s/el.ts'
import { install } from '../shared/k3s/install.ts'
import { labelsAndTaints } from '../shared/k3s/labels.ts'
import { CONFIG, DATA_DIR, PLATFORMS } from '../shared/k3s/platform.ts'
import { serves } from '../shared/k3s/serving.ts'
import {
  addressOf,
  nicOf,
  serverNamed,
  SERVERS,
  survey,
  type Survey,
} from '../shared/k3s/survey.ts'
import { nextStep, type Step } from './bootstrap.ts'
import { serverConfig, type ServerConfig } from './config.ts'
import { clocksAgree, membersAreVoters, nodeIsReady, staysUp } from './gates.ts'
import { rebuild } from './rebuild.ts'
import { remainsOfCluster } from './remains.ts'
import { refusedVersion } from './upgrade.ts'
import { releaseUnpinned } from '../shared/k3s/release-pin.ts'
import { vars, type ServerVars } from './vars.ts'

export default role({
  name: 'k3s-server',
  summary:
    'A K3s server with embedded etcd: founds, joins, rebuilds or runs, whatever the cluster needs',
  vars,
  platforms: PLATFORMS,
  advise: releaseUnpinned,
  async tasks({ vars, host, platform }) {
    const step = await waitFor(
      'the cluster is ready for this server',
      () => decide(host, vars),
      missingFor,
      SOON,
    )
    const running = step.kind === 'run' || (step.kind === 'bootstrap' && step.begun === true)
    await portsAreFree(...k3sPorts('server'))
    const device = await interfaceOf(host, nicOf(host))
    const config = configOf(host, step, device, platform.selinux)
    // Before anything is written: systemd restarts a server that cannot join again and again.
    if (!running) await gate('the clocks of the servers agree', clocksAgree, SOON)

    if (step.kind === 'rebuild') await rebuild(host, step)
    if (platform.serverPackages.length > 0) await packages(...platform.serverPackages)
    await prepareSystem('server', platform, vars)
    const notify = running ? ['restart k3s'] : []
    const installed = await install({ kind: 'server', platform, vars, notify })
    const configured = await configFile(config, vars, notify)
    // K3s would create them; later tasks of the same plan need to know that they exist.
    await directory(`${DATA_DIR}/server`, { mode: '0700' })
    await directory(`${DATA_DIR}/server/manifests`, { mode: '0700' })
    const restarts = installed || configured.changed || (await restartIsPending())
    await outOfPool(host, 'k3s', running && restarts, async () => {
      await flush()
      await startServers(step)
      await serverIsUp(host, vars)
    })

    // A founder that kept cluster-init and lost its disk would found a second cluster.
    if (config.clusterInit) await configFile({ ...config, clusterInit: false }, vars)
    await labelsAndTaints({
      node: host.name,
      labels: vars.k3s_node_labels,
      taints: vars.k3s_node_taints,
    })
  },
  handlers: {
    'label k3s': ({ platform }) => $`restorecon -F ${labelled('server', platform.binary)}`,
    // Stops first, so that no gate mistakes the old process for the new one. Does not wait for the start: the gates do.
    'restart k3s': () =>
      $`case $(systemctl is-active k3s.service) in active|activating|reloading) systemctl stop k3s.service && systemctl --no-block start k3s.service ;; esac`,
  },
})

export { etcdQuorum, nodesReady } from '../shared/k3s/invariants.ts'
export { repairFirst } from './repair-first.ts'

/** An interrupted run may have changed the configuration and not restarted K3s: the handler runs in this one. */
const restartIsPending = async (): Promise<boolean> =>
  (
    await probe({
      estimate: false,
      whenNew: { code: 1 },
    })`test -e ${markOf('k3s-server', 'restart k3s')}`
  ).ok

const SOON = { timeoutSeconds: 30 }
const LONG = { timeoutSeconds: 300, everySeconds: 0.5 }

/** Waits until the server serves, votes and has been up for long enough. */
async function serverIsUp(host: Host, vars: ServerVars): Promise<void> {
  await gate('etcd has a quorum and the API is ready', serves(), LONG)
  await gate('every member of etcd votes', () => membersAreVoters(addressOf(host)), LONG)
  await gate(
    `the node runs ${vars.k3s_version} and is Ready`,
    () => nodeIsReady(host, vars.k3s_version),
    LONG,
  )
  // Also when this run has started nothing: an interrupted one may have.
  await gate(
    `K3s stays up for ${vars.k3s_stable_seconds} s`,
    staysUp(vars.k3s_stable_seconds),
    LONG,
  )
}

/** A step that this server may take, and the authority (as a hash) that its token is to trust. */
type Decision = Exclude<Step, { kind: 'stop' }> & { readonly pin: string | undefined }

/** Decides from the state of all servers. Throws TaskError with the reason when this server must do nothing. */
async function decide(host: Host, vars: ServerVars): Promise<Decision> {
  const taken = refusedAdoption(await presentHere(), { name: host.name, kind: 'server' })
  if (taken) throw new TaskError(taken.why, { hint: taken.hint })
  const servers = hosts(SERVERS).map(h => ({ name: h.name, address: addressOf(h) }))
  const found = await survey()
  const noData = [...found.values()].every(s => typeof s === 'object' && !s.data)
  const step = nextStep({
    self: host.name,
    servers,
    found,
    newCluster: vars.k3s_new_cluster,
    remains: noData ? await remainsOfCluster(vars.kubeconfig_path) : undefined,
  })
  if (step.kind === 'stop') throw new TaskError(step.why, { hint: step.hint })
  const refused = refusedVersion(host.name, found, vars.k3s_version)
  if (refused !== undefined) throw new TaskError(refused)
  return { ...step, pin: pinOf(step, found, host.name) }
}

const missingFor = (step: Decision): string | undefined =>
  'waitsFor' in step ? step.waitsFor : undefined

/** A joining server trusts the cluster's authority; a running one keeps what it trusts. */
function pinOf(step: Step, found: Survey, self: string): string | undefined {
  const own = found.get(self)
  if (step.kind === 'run') return typeof own === 'object' ? own.pin : undefined
  const via = 'via' in step ? found.get(step.via.name) : undefined
  return typeof via === 'object' ? via.ca : undefined
}

function configOf(host: Host, step: Decision, device: string, selinux: boolean): ServerConfig {
  const servers = hosts(SERVERS)
  const { domain } = inventory()
  const apis = vips().filter(v => hosts(v.backends).some(h => h.name === host.name))
  const other = servers.find(h => h.name !== host.name)
  return {
    name: host.name,
    address: addressOf(host),
    device,
    sans: [
      ...apis.flatMap(v => [v.address, `${v.name}.${domain}`]),
      ...servers.flatMap(h => [addressOf(h), h.name, `${h.name}.${domain}`]),
    ],
    via: step.kind === 'bootstrap' ? other && addressOf(other) : step.via?.address,
    clusterInit: step.kind === 'bootstrap',
    selinux,
    pin: step.pin,
  }
}

const configFile = (config: ServerConfig, vars: ServerVars, notify: readonly string[] = []) =>
  file(CONFIG, { content: serverConfig(config, vars), mode: '0600', notify })

/** Starts this server, and the stopped ones that it needs for a quorum. */
async function startServers(step: Decision): Promise<void> {
  const start = () => service('k3s', { wait: false })
  if (step.kind === 'run') for (const name of step.wake) await on(serverNamed(name), start)
  // Unless another server starts it.
  if (step.kind !== 'run' || !step.woken) await start()
}
