import { readFileSync } from 'node:fs'
import type { Inventory } from '../../inventory/types.ts'
import { outside } from '../network/internet.ts'
import { needsEtcdctl } from './etcdctl.ts'
import { runsK3s } from './k3s.ts'
import type { LabHost, LabState, Personality } from '../state.ts'
import { inVpn } from './wireguard-go.ts'

/** Whether the running kernel has a file system type (nfs4, nfsd). */
const kernelHas = (filesystem: string): boolean =>
  readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some(line => line.trim().split(/\s+/).at(-1) === filesystem)

const ALL: readonly Personality[] = ['debian', 'debian13', 'el9', 'flatcar']

const runsHere = (inventory: Inventory, name: string): boolean => {
  const host = inventory.hosts.get(name)
  return host !== undefined && runsK3s(host)
}

/** What stands in for what in this lab, and what it therefore does not prove. */
export const standIns = (
  inventory: Inventory,
  hosts: readonly LabHost[],
  wireguardGo: boolean,
): string[] => {
  const machines = hosts.filter(host => !host.vm)
  const guests = (family: string) =>
    hosts
      .filter(host => host.image !== true)
      .filter(host => inventory.hosts.get(host.name)?.os.family === family)
      .map(host => host.name)
  const result: string[] = []
  const add = (when: boolean, text: string) => when && result.push(text)
  const looksLike = (family: string, ...personalities: Personality[]) =>
    hosts
      .filter(h => personalities.includes(h.personality) && guests(family).includes(h.name))
      .map(h => h.name)
  const el = looksLike('el', 'el9')
  add(
    el.length > 0,
    `Debian's programs stand in for AlmaLinux's and Rocky's (${el.join(', ')}): the real dnf and rpm with packages that the lab lays out like EL's (names, paths, users, units); proves nothing about versions, NetworkManager or SELinux denials: its tools only answer and remember`,
  )
  const rpms = Object.keys(inventory.lab.packages?.el ?? {})
  add(
    el.length > 0 && rpms.length > 0,
    `RPMs of lab.packages (${rpms.join(', ')} on ${el.join(', ')}): Debian's programs and files of the project in the places that the inventory says; proves nothing about EL's version of the program, its modules and defaults, its dependencies, scriptlets and SELinux policy`,
  )
  const debian = looksLike('el', 'debian')
  add(
    debian.length > 0,
    `Debian 12 stands in for AlmaLinux and Rocky Linux (${debian.join(', ')}): proves nothing about dnf, SELinux, firewalld or EL paths`,
  )
  const others = hosts
    .filter(host => host.personality === 'debian' && host.image !== true)
    .flatMap(host => {
      const os = inventory.hosts.get(host.name)?.os
      const is12 = os?.name === 'debian' && (os.version ?? '12').split('.')[0] === '12'
      return os?.family === 'debian' && !is12
        ? [`${host.name}: ${os.name} ${os.version ?? ''}`.trim()]
        : []
    })
  add(
    others.length > 0,
    `Debian 12 stands in for other versions and for Ubuntu (${others.join(', ')}): the roles take its rows; proves nothing about the packages and defaults of the others`,
  )
  const own13 = hosts.filter(h => h.personality === 'debian13' && h.image !== true).map(h => h.name)
  add(
    own13.length > 0 && inventory.lab.packages !== undefined,
    `lab.packages are Debian 12's: ${own13.join(', ')} with Debian 13 cannot install them`,
  )
  const flatcar = guests('flatcar')
  add(
    flatcar.length > 0,
    `Debian's programs stand in for Flatcar's (${flatcar.join(', ')}): read-only /usr, only Flatcar's commands (files/lab/flatcar/commands.txt), update-engine and locksmithd that do nothing; proves nothing about versions, Ignition, updates or socket-activated sshd`,
  )
  const k3s = hosts
    .filter(({ name, recipe }) => recipe.k3s !== 'real' && runsHere(inventory, name))
    .map(host => host.name)
  add(
    k3s.length > 0,
    `a double stands in for K3s (${k3s.join(', ')}): the real etcd, TLS, tokens and API paths of fmc's own making; proves nothing about containers, scheduling, pod networks, Helm charts or volumes (files/lab/doubles/k3s/README.md); a server counts as stable after 2 s`,
  )
  const elServers = el.filter(name => {
    const host = inventory.hosts.get(name)
    return host !== undefined && needsEtcdctl(host)
  })
  add(
    elServers.length > 0,
    `Debian's etcdctl stands in for that of etcd's release (${elServers.join(', ')})`,
  )
  const inGroup = (group: string) => el.filter(name => inventory.groups.get(group)?.includes(name))
  const ipaServers = inGroup('ipa_servers')
  add(
    ipaServers.length > 0,
    `a stand-in plays FreeIPA's server (${ipaServers.join(', ')}): MIT's real Kerberos server and BIND's real named behind commands of fmc's own making; proves nothing about the installer, the 389 Directory Server, certificates, the web interface or replication; ldapsearch knows one question, and nobody answers on ports 80, 389, 443, 464 and 636`,
  )
  const ipaClients = inGroup('ipa_clients')
  add(
    ipaClients.length > 0,
    `a stand-in plays ipa-client-install (${ipaClients.join(', ')}): a real Kerberos login with the host's key, an sssd that does nothing, the server's name in /etc/hosts; proves nothing about PAM, SSSD, sudo rules or logins of users`,
  )
  const vms = hosts.filter(host => inventory.hosts.get(host.name)?.vmOn !== undefined)
  add(
    vms.length > 0,
    `VMs are machines of the lab (${vms.map(host => host.name).join(', ')}), plugged into their networks' bridges on the hypervisor once it has them: the role makes no VM (hypervisor_vms: [])`,
  )
  const away = outside(inventory)
    .map(host => host.name)
    .filter(name => hosts.some(host => host.name === name))
  add(
    away.length > 0,
    `the lab's LAN stands in for the Internet (${away.join(', ')}), and /etc/hosts for its DNS: proves nothing about the provider's network or firewall, or about address translation at home`,
  )
  const of = (...personalities: Personality[]) =>
    machines.filter(host => personalities.includes(host.personality)).map(host => host.name)
  const own = (...personalities: Personality[]) =>
    of(...personalities).filter(name => hosts.find(h => h.name === name)?.image !== true)
  const note = (names: readonly string[], needed: boolean, text: (on: string) => string) =>
    add(
      needed && names.length > 0,
      text(names.length === hosts.length ? '' : ` (${names.join(', ')})`),
    )
  note(
    of(...ALL),
    true,
    on =>
      `nspawn machines share this machine's kernel${on}: they cannot load modules, set sysctls other than network ones, or set the clock`,
  )
  note(
    of('debian', 'debian13', 'el9'),
    true,
    on =>
      `chronyd runs with -x${on}: it serves time and follows its sources but never sets the clock`,
  )
  note(
    own('flatcar'),
    true,
    on =>
      `NFS-Ganesha stands in for the kernel's NFS server${on}: NFSv4 for real; proves nothing about nfsd, NFSv3 or its performance`,
  )
  note(
    of(...ALL).filter(name => runsHere(inventory, name)),
    true,
    on =>
      `iscsid does nothing, and the modules iscsi_tcp and dm_crypt are only declared${on}: proves nothing about iSCSI or encrypted volumes`,
  )
  note(
    own(...ALL),
    !kernelHas('nfs4'),
    on =>
      `a userland NFSv4 client (libnfs over FUSE) stands in for the kernel's NFS mounts${on}: proves nothing about hard mounts, locking or caching, and a file that is open and idle for more than a minute is lost (a database)`,
  )
  note(
    of(...ALL).filter(name => {
      const host = inventory.hosts.get(name)
      return host !== undefined && inVpn(inventory, host)
    }),
    wireguardGo,
    on =>
      `wireguard-go stands in for the kernel's WireGuard${on}: the same protocol and tools; proves nothing about the module or its speed`,
  )
  return result
}

/** Which hosts run the real K3s, which one, and what does not work there. */
export const onRealK3s = (
  { artifacts }: Pick<LabState, 'artifacts'>,
  hosts: readonly LabHost[],
): string[] => {
  const names = (vm: boolean) => hosts.filter(h => h.recipe.k3s === 'real' && h.vm === vm)
  const on = (which: readonly LabHost[]) => which.map(h => h.name).join(', ')
  const [machines, vms] = [names(false), names(true)]
  if (machines.length + vms.length === 0) return []
  const programs = Object.entries(artifacts)
    .filter(([name]) => name.startsWith('k3s@'))
    .map(([, { version, sha256 }]) => `${version} (sha256 ${sha256})`)
  return [
    `the real K3s (${on([...machines, ...vms])}): ${programs.join(', ')}. A lab host has no Internet: pods start only from images that the host has, as with k3s_airgap_images`,
    ...(machines.length === 0
      ? []
      : [
          `K3s in nspawn machines (${on(machines)}): kubelet runs with KubeletInUserNamespace and fail-cgroupv1=false, and writes sysctls of the kernel to files: proves nothing about them, or about SELinux and AppArmor`,
        ]),
  ]
}

/** Which hosts run from which root file system of lab.images, and what does not work there. */
export const fromImages = (inventory: Inventory, hosts: readonly LabHost[]): string[] =>
  Object.entries(inventory.lab.images).flatMap(([os, { url, sha256, repo }]) => {
    const names = hosts
      .filter(h => h.image === true && inventory.hosts.get(h.name)?.os.name === os)
      .map(h => h.name)
    if (names.length === 0) return []
    const limits = [
      ...(os === 'flatcar' || repo !== undefined
        ? []
        : [`no package can be installed (it has no repo)`]),
      ...(kernelHas('nfs4') ? [] : ['NFS cannot be mounted: this kernel has no NFS client']),
    ]
    const what = `the root file system of lab.images.${os} (${names.join(', ')}): ${url}, sha256 ${sha256}`
    return [[what, ...limits].join('; ')]
  })
