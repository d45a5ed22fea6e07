import {
  $,
  directory,
  file,
  flush,
  gate,
  hosts,
  inventory,
  on,
  packages,
  role,
  service,
  TaskError,
  vips,
  type Host,
} from '../../lib/index.ts'
import { install } from '../shared/k3s/install.ts'
import { labelsAndTaints } from '../shared/k3s/labels.ts'
import { CONFIG, DATA_DIR, PLATFORMS } from '../shared/k3s/platform.ts'
import { addressOf, SERVERS, survey, type Survey } from '../shared/k3s/survey.ts'
import { nextStep, type Step } from './bootstrap.ts'
import { serverConfig, type ServerConfig } from './config.ts'
import { forgetServer } from '../shared/k3s/forget.ts'
import { remainsOfCluster } from './remains.ts'
import { clocksAgree, membersAreVoters, nodeIsReady, serves, staysUp } from './gates.ts'
import { refusedVersion } from './upgrade.ts'
import { vars, type ServerVars } from './vars.ts'

export { etcdQuorum, nodesReady, repairFirst } from '../shared/k3s/invariants.ts'

type Act = Exclude<Step, { kind: 'stop' }> & {
  /** What its token is to trust: a joiner the cluster's authority, others what they have. */
  readonly pin: string | undefined
}

export default role({
  name: 'k3s-server',
  summary:
    'A K3s server with embedded etcd: founds, joins, rebuilds or runs, whatever the cluster needs',
  vars,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    let step: Act | undefined
    await gate(
      'the cluster is ready for this server',
      async () => {
        step = await decide(host, vars)
        return ('waitsFor' in step ? step.waitsFor : undefined) ?? true
      },
      SOON,
    )
    step ??= await decide(host, vars)
    const running = step.kind === 'run'
    const config = configOf(host, step)
    // What is written after this may set a server going that systemd keeps starting.
    if (!running) await gate('the clocks of the servers agree', clocksAgree, SOON)

    if (step.kind === 'rebuild') await forgetServer(host, step)
    if (platform.serverPackages.length > 0) await packages(...platform.serverPackages)
    const notify = running ? ['restart k3s'] : []
    const renewed = await install({ kind: 'server', platform, vars, notify })
    const configured = await file(CONFIG, {
      content: serverConfig(config, vars),
      mode: '0600',
      notify,
    })
    // K3s would make it itself; what comes after in the same plan must know that it is there.
    await directory(`${DATA_DIR}/server`, { mode: '0700' })
    await directory(`${DATA_DIR}/server/manifests`, { mode: '0700' })
    await flush()
    for (const name of step.kind === 'run' ? step.wake : [])
      for (const other of hosts(name)) await on(other, () => service('k3s', { wait: false }))
    const started =
      !(step.kind === 'run' && step.woken) && (await service('k3s', { wait: false })).changed

    await gate('etcd has a quorum and the API is ready', serves(), LONG)
    await gate('every member of etcd votes', () => membersAreVoters(addressOf(host)), LONG)
    await gate(
      `the node runs ${vars.k3s_version} and is Ready`,
      () => nodeIsReady(host, vars.k3s_version),
      LONG,
    )
    const stable = vars.k3s_stable_seconds
    if (renewed || configured.changed || started)
      await gate(`K3s stays up for ${stable} s`, staysUp(stable), LONG)
    if (config.clusterInit)
      await file(CONFIG, {
        content: serverConfig({ ...config, clusterInit: false }, vars),
        mode: '0600',
      })
    await labelsAndTaints({
      node: host.name,
      labels: vars.k3s_node_labels,
      taints: vars.k3s_node_taints,
    })
  },
  handlers: {
    // Stopped first, so that no gate takes the old process for the new one; not waited for, so that gates tell.
    'restart k3s': () =>
      $`case $(systemctl is-active k3s.service) in active|activating|reloading) systemctl stop k3s.service && systemctl --no-block start k3s.service ;; esac`,
  },
})

const SOON = { timeoutSeconds: 30 }
const LONG = { timeoutSeconds: 300, everySeconds: 0.5 }

/** What is to be done here, from the real state of all servers. Throws TaskError with the reason when nothing may be. */
async function decide(host: Host, vars: ServerVars): Promise<Act> {
  const servers = hosts(SERVERS).map(h => ({ name: h.name, address: addressOf(h) }))
  const found = await survey()
  const nothing = [...found.values()].every(s => typeof s === 'object' && !s.data)
  const step = nextStep({
    self: host.name,
    servers,
    found,
    newCluster: vars.k3s_new_cluster,
    remains: nothing ? await remainsOfCluster(vars.kubeconfig_path) : undefined,
  })
  if (step.kind === 'stop') throw new TaskError(step.why, { hint: step.hint })
  const refused = refusedVersion(host.name, found, vars.k3s_version)
  if (refused !== undefined) throw new TaskError(refused)
  return { ...step, pin: pinOf(step, found, host.name) }
}

function pinOf(step: Step, found: Survey, self: string): string | undefined {
  const own = found.get(self)
  if (step.kind === 'run') return typeof own === 'object' ? own.pin : undefined
  const via = 'via' in step ? found.get(step.via.name) : undefined
  return typeof via === 'object' ? via.ca : undefined
}

function configOf(host: Host, step: Act): ServerConfig {
  const servers = hosts(SERVERS)
  const { domain } = inventory()
  const apis = vips().filter(v => hosts(v.backends).some(h => h.name === host.name))
  const other = servers.find(h => h.name !== host.name)
  return {
    name: host.name,
    address: addressOf(host),
    sans: [
      ...apis.flatMap(v => [v.address, `${v.name}.${domain}`]),
      ...servers.flatMap(h => [addressOf(h), h.name, `${h.name}.${domain}`]),
    ],
    via: step.kind === 'bootstrap' ? other && addressOf(other) : step.via?.address,
    clusterInit: step.kind === 'bootstrap',
    pin: step.pin,
  }
}
