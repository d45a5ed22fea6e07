import {
  $,
  directory,
  file,
  filesystem,
  gate,
  group,
  hosts,
  inventory,
  mount,
  packages,
  probe,
  role,
  service,
  TaskError,
  unit,
  user,
  type Host,
} from '../../lib/index.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { checkExports } from './check.ts'
import {
  compareExports,
  exportsFile,
  exportShares,
  exportsOf,
  parseExports,
  type Export,
} from './exports.ts'
import { PLATFORMS } from './platform.ts'
import { vars as schema, type Share, type Vars } from './vars.ts'

export default role({
  name: 'nfs',
  summary:
    'A data disk, formatted once and mounted by label, whose directories are exported over NFS',
  vars: schema,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const device = deviceOf(host, vars)
    const exports = declared(vars, host)

    if (platform.packages.length > 0) await packages(...platform.packages)
    await filesystem(device, { label: vars.nfs_label })
    await mount(vars.nfs_root, {
      source: `LABEL=${vars.nfs_label}`,
      type: 'ext4',
      options: 'noatime,nodev,nosuid',
    })
    for (const share of vars.nfs_exports) await shared(share)

    await directory('/etc/exports.d')
    // Flatcar has none, and without it exportfs fails (nfs-utils 2.6.2).
    await file('/etc/exports', { content: '# Shares are in /etc/exports.d\n', once: true })
    // Without the mount the server would export an empty directory of the root disk.
    await unit('nfs-server.service', { dropIn: true, content: dropIn(vars.nfs_root) })
    await file('/etc/exports.d/fmc.exports', {
      content: exportsFile(exports),
      validate: checkExports,
      notify: 'export the shares',
    })
    await service(platform.unit)
    if (platform.firewalld) await firewalldOpen('2049/tcp')
    await gate('the shares are exported', () => sharesAreExported(exports), {
      timeoutSeconds: 15,
    })
  },
  handlers: {
    'export the shares': ({ vars, host }) =>
      $({ name: 'exportfs -a' })`sh -c ${exportShares(declared(vars, host))}`,
  },
})

const declared = (vars: Vars, host: Host): readonly Export[] =>
  exportsOf(vars.nfs_exports, vars.nfs_root, {
    server: host,
    networks: inventory().networks,
    hosts,
  })

/** The data disk's path on the host. Throws TaskError when the inventory has no such disk. */
function deviceOf(host: Host, vars: Vars): string {
  if (vars.nfs_device !== undefined) return vars.nfs_device
  const disk = host.disks.find(d => d.name === vars.nfs_disk)
  if (!disk)
    throw new TaskError(`${host.name} has no disk ${vars.nfs_disk} in the inventory`, {
      hint: 'add it to `disks`, or name the device in nfs_device',
    })
  return disk.device
}

/** A share's directory and the user who owns it. */
async function shared({ path, owner, mode }: Share): Promise<void> {
  if (owner) {
    await group(owner.name, { gid: owner.id })
    await user(owner.name, { uid: owner.id, home: '/nonexistent' })
  }
  await directory(path, { mode, ...(owner ? { owner: `${owner.name}:${owner.name}` } : {}) })
}

const dropIn = (root: string): string => `# Managed by fmc
[Unit]
RequiresMountsFor=${root}
`

async function sharesAreExported(exports: readonly Export[]): Promise<true | string> {
  const [listening, exported] = await Promise.all([
    probe`ss -Hltn ${'sport = :2049'}`,
    // What exportfs -s prints. exportfs itself would write a lock file.
    probe`[ ! -e /var/lib/nfs/etab ] || cat /var/lib/nfs/etab`,
  ])
  if (exported.exitCode !== 0) return exported.stderr.trim()
  const same = compareExports(exports, parseExports(exported.stdout))
  return same === true && listening.stdout.trim() === '' ? 'nothing listens on port 2049' : same
}
