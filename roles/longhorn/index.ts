import {
  $,
  directory,
  file,
  filesystem,
  flush,
  gate,
  hosts,
  inventory,
  kernelModule,
  mount,
  packages,
  role,
  service,
  TaskError,
  type Host,
} from '../../lib/index.ts'
import { chartsInstalled } from '../shared/kubernetes/chart-gate.ts'
import { isKeeper, manifest, noManifest } from '../shared/kubernetes/manifest.ts'
import { nodeMarks } from '../shared/kubernetes/nodes.ts'
import { askLonghorn, sickNode } from './health.ts'
import {
  ISCSI_UNIT,
  MODULES,
  MULTIPATH_UNITS,
  PLATFORMS,
  SELINUX_MODULE,
  SELINUX_SOURCE,
  type Platform,
} from './platform.ts'
import {
  DISK,
  initiatorName,
  longhorn,
  nfsClass,
  nfsDriver,
  NODE_ANNOTATIONS,
  NODE_LABELS,
} from './templates.ts'
import { workersOf } from '../shared/k3s/workers.ts'
import { upgradeStep } from './upgrade.ts'
import { vars as schema, type Vars } from './vars.ts'

export { askLonghorn, longhornHealthy, sickVolumes, withoutVolumes } from './health.ts'
export { NAMESPACE } from './templates.ts'

export default role({
  name: 'longhorn',
  summary:
    'Volumes that survive a node: Longhorn on the nodes’ data disks, and an NFS share for many writers',
  vars: schema,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const nodes = workersOf(inventory(), vars.longhorn_nodes)
    if (nodes.length === 0) return
    if (nodes.some(h => h.name === host.name)) await prepare(host, vars, platform)
    if (!hosts('k3s_servers').some(h => h.name === host.name)) return
    if (isKeeper(host)) await install(vars)
    else for (const name of ['longhorn', 'nfs']) await noManifest(name)
  },
  handlers: {
    'load the SELinux module': () => $`semodule -i ${SELINUX_MODULE}`,
    'restart iscsid': () => $`systemctl try-restart ${ISCSI_UNIT}`,
  },
})

function deviceOf(host: Host, vars: Vars): string {
  const disk = host.disks.find(d => d.name === vars.longhorn_disk)
  if (disk) return disk.device
  throw new TaskError(`${host.name} has no disk ${vars.longhorn_disk} in the inventory`, {
    hint: 'add it to `disks`, or take the host out of longhorn_nodes',
  })
}

/** Prepares a node: what volumes need from the operating system, and the disk. */
async function prepare(
  host: Host,
  vars: Vars,
  { packages: wanted, selinux }: Platform,
): Promise<void> {
  const device = deviceOf(host, vars)
  if (wanted.length > 0) await packages(...wanted)
  if (selinux)
    await file(SELINUX_MODULE, { content: SELINUX_SOURCE, notify: 'load the SELinux module' })
  for (const module of MODULES) await kernelModule(module)
  await directory('/etc/iscsi')
  await file('/etc/iscsi/initiatorname.iscsi', {
    content: initiatorName(host.name, inventory().domain),
    mode: '0600',
    notify: 'restart iscsid',
  })
  await service(ISCSI_UNIT)
  for (const name of MULTIPATH_UNITS) await service(name, { state: 'stopped', masked: true })
  await filesystem(device, { label: vars.longhorn_label })
  await mount(DISK, { source: `LABEL=${vars.longhorn_label}`, type: 'ext4', options: 'noatime' })
  await flush()
}

/** The cluster's part, on the server that keeps the manifests. */
async function install(vars: Vars): Promise<void> {
  const nodes = hosts(vars.longhorn_nodes).map(h => h.name)
  const chart = longhorn(vars)
  const share = shareOf(vars)
  await upgradeStep({ version: vars.longhorn_version })
  await nodeMarks({
    title: 'default disks of the Longhorn nodes',
    nodes,
    labels: NODE_LABELS,
    annotations: NODE_ANNOTATIONS,
  })
  const charts = [chart, ...(share ?? [])]
  const installed = await chartsInstalled(charts)
  await manifest('longhorn', 'longhorn', [chart])
  if (share) await manifest('longhorn', 'nfs', share)
  else await noManifest('nfs')
  await gate('the charts are installed', () => installed(charts), INSTALLING)
  await gate(
    'every Longhorn node is ready and has its disk',
    () => nodesAreReady(nodes),
    INSTALLING,
  )
}

/** Long enough for nodes to download the images. */
const INSTALLING = { timeoutSeconds: 900, everySeconds: 2 }

async function nodesAreReady(nodes: readonly string[]): Promise<true | string> {
  const state = await askLonghorn()
  if (state === 'none') return 'the cluster does not have Longhorn’s resources yet'
  if ('problem' in state) return state.problem
  const sick = nodes.flatMap(name => sickNode(name, state))
  return sick.length === 0 || sick.join('; ')
}

function shareOf(vars: Vars) {
  const { longhorn_nfs: nfs } = vars
  if (!nfs) return undefined
  const [server] = hosts(nfs.server)
  if (!server) throw new TaskError(`longhorn_nfs: ${nfs.server} is not a host of the inventory`)
  return [nfsDriver(vars), nfsClass(server.address, nfs.path)]
}
