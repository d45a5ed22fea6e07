import { z } from 'zod'
import { DIRT } from './dirt.ts'
import { Secret } from '../secrets/secret.ts'

const NAME = /^[a-z][a-z0-9_-]*$/
const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const GROUP_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const ENDPOINT = /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/
const SIZE = /^(?!0+(\.0+)?[A-Z])\d+(\.\d+)?(MB|GB|TB|MiB|GiB|TiB)$/

const text = (pattern: RegExp, expected: string) =>
  z.string().regex(pattern, { error: `expected ${expected}` })
const size = text(SIZE, 'a size such as 512MB, 8GB or 1.5TB')
const address = text(/^[\d.]+$/, 'an IPv4 address').meta({ examples: ['10.17.3.11'] })
const pattern = z.string().min(1)
const ports = z.int().min(1).max(65535)

const vars = z
  .record(text(/^[a-z_][a-z0-9_]*$/, 'a variable name: a-z, 0-9 and _'), z.unknown())
  .describe('Variables of roles (fmc doc <role>). Secrets: !secret name')

const ssh = {
  user: text(/^[a-z_][a-z0-9_.-]*$/i, 'a user name')
    .optional()
    .describe('Default: User in ssh_config, else root'),
  port: ports.optional().describe('Default: Port in ssh_config, else 22'),
  sudo: z.boolean().optional().describe('Become root through sudo. Default: true, except for root'),
  identity_file: z
    .string()
    .min(1)
    .optional()
    .describe('Private key, or public key of one in an agent; ~, %h, ${VAR} as in ssh_config'),
  transport: z
    .enum(['auto', 'ssh2', 'openssh'])
    .optional()
    .describe('Default: auto, which takes ssh2 unless the configuration needs OpenSSH'),
}

const network = z.strictObject({
  cidr: text(/^[\d.]+\/\d+$/, 'a network such as 10.17.3.0/24'),
  mode: z
    .enum(['bridge', 'open', 'nat', 'wireguard'])
    .describe(
      "bridge: the physical LAN; open: routed without libvirt's rules; nat: libvirt's own; wireguard: a VPN whose hub is the router",
    ),
  gateway: address.optional().describe('Default route of the hosts in it'),
  bridge: text(/^[a-zA-Z0-9_.-]{1,15}$/, 'a device name of at most 15 characters')
    .optional()
    .describe('Bridge device on the hypervisor'),
  router: z.string().optional().describe('The host that routes this network and holds the gateway'),
  port: ports.optional().describe("Of a VPN: the hub's UDP port. Default: 51820"),
  endpoint: text(ENDPOINT, 'an IPv4 address or a host name')
    .optional()
    .describe(
      'Of a VPN: where its hub is reached from outside, such as the name that ddns keeps. Default: the address fmc connects to',
    ),
})

const vip = z.strictObject({
  address,
  network: z.string(),
  vrid: z.int().min(1).max(255).describe('VRRP virtual router id, unique in the network'),
  ports: z.array(ports).min(1),
  backends: pattern.describe('Pattern of the hosts that serve it'),
  backend_ports: z
    .array(ports)
    .optional()
    .describe('Where the backends listen for each of `ports`, in their order; default: there too'),
  check: z
    .enum(['k3s', 'tcp'])
    .optional()
    .describe('k3s: GET /readyz over TLS answers 200 or 401; tcp (default): the port answers'),
  proxy_protocol: z
    .boolean()
    .optional()
    .describe(
      'Tell the backends the address of each client (PROXY protocol v2); they must understand it. Default: false',
    ),
  balancers: pattern.describe('Pattern of the hosts that may hold it'),
  preferred: z.string().optional().describe('Holder on a fresh start; default the first balancer'),
})

const nic = z.strictObject({
  network: z.string(),
  address,
  mac: text(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'a MAC address such as 52:54:00:12:34:56').optional(),
  device: text(/^[a-zA-Z0-9_.-]{1,15}$/, 'a device name')
    .optional()
    .describe('Default: eth0, eth1 … in the order of the list; in a VPN wg0'),
})

const disk = z.strictObject({
  name: text(NAME, 'a name of a-z, 0-9, - and _'),
  size,
  device: text(/^\/dev\/[\w./:-]+$/, 'a path below /dev')
    .optional()
    .describe('Stable path on the host; default /dev/disk/by-id/virtio-<name>'),
})

const osUnsupported = z
  .literal('allow')
  .optional()
  .describe(
    'allow: a role that has no row for the operating system takes that of the nearest version, which nobody has tried',
  )

const host = z.strictObject({
  os: text(
    /^(debian|ubuntu|almalinux|rocky|flatcar)( \d+(\.\d+)*)?$/,
    'debian, ubuntu, almalinux, rocky or flatcar, and perhaps a version: almalinux 9.5',
  ),
  os_unsupported: osUnsupported,
  vm_on: z.string().optional().describe('The hypervisor that this host is a VM of'),
  vcpu: z.int().min(1).optional(),
  memory: size.optional().describe('1GB is 1024MB, the same as 1GiB'),
  root_disk: size.optional(),
  disks: z.array(disk).optional().describe('Data disks'),
  nics: z.array(nic).optional().describe('The first one is the address fmc connects to'),
  ssh: z
    .strictObject({
      ...ssh,
      host: z.string().min(1).optional().describe('Connect to this instead of the first NIC'),
    })
    .optional(),
  vars: vars.optional(),
})

const group = z.strictObject({
  hosts: z.array(z.string()).optional(),
  children: z.array(z.string()).optional().describe('Groups whose hosts are in this one too'),
  os_unsupported: osUnsupported,
  ssh: z.strictObject(ssh).optional(),
  vars: vars.optional(),
})

const artifact = z.strictObject({
  url: text(
    /^https:\/\/[^/\s@]+\/\S*[^/\s]$/,
    'the URL of a file, without user and password: https://',
  ).optional(),
  sha256: text(/^[0-9a-f]{64}$/, '64 hexadecimal digits').optional(),
  version: z.string().optional(),
  path: text(/^\//, 'an absolute path')
    .optional()
    .describe('The finished binary on this machine, instead of a download'),
})

const fileUrl = text(
  /^(https?:\/\/[^/\s@]+|file:\/\/)\/\S*[^/\s]$/,
  'the URL of a file, without user and password: https://, http:// or file:///',
)
const rootfs = {
  url: fileUrl.describe(
    'tar archive of the root file system, plain or packed with gzip, xz or zstd',
  ),
  sha256: text(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
}
const rootfsWithRepo = z.strictObject({
  ...rootfs,
  repo: text(
    /^(file:\/\/\/|(?!\w+:\/\/))./,
    'a directory on this machine or a file:/// URL: a lab host has no Internet',
  )
    .optional()
    .describe(
      'Directory of packages with their index (createrepo_c, apt-ftparchive), relative to this file; without it the host can install none',
    ),
})

const packageName = text(/^[a-z0-9][a-z0-9+.-]*$/, 'the name of a package, such as nginx')
const directory = text(
  /^(file:\/\/\/|(?!\w+:\/\/))./,
  'a directory on this machine, relative to this file, or a file:/// URL',
)
const rpm = z.strictObject({
  debs: z
    .array(packageName)
    .optional()
    .describe("Debian packages whose files it has, with all that the lab's image lacks for them"),
  files: directory.optional().describe('Tree that is laid over these files, from / on'),
  remove: z
    .array(
      text(
        /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.@+-]+)+$/,
        'an absolute path of letters, digits and _.@+-, such as /etc/nginx/sites-enabled',
      ),
    )
    .optional()
    .describe("Paths of these files that Enterprise Linux's package lacks"),
  user: text(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name: a-z, 0-9, - and _')
    .optional()
    .describe('System user that it creates, with a group of that name'),
})
const labPackages = z.strictObject({
  debian: z
    .array(packageName)
    .optional()
    .describe('Debian packages, which the lab downloads with all they need'),
  el: z
    .record(text(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'the name of an RPM'), rpm)
    .optional()
    .describe("RPMs by name: Debian's programs in Enterprise Linux's places"),
  dir: directory.optional().describe('Directory with .deb and .rpm files of your own'),
})

const k3sProgram = {
  url: fileUrl.optional().describe('The program k3s; or path'),
  path: text(/^(?!\w+:\/\/)./, 'the path of a file on this machine, relative to this file')
    .optional()
    .describe('The program k3s on this machine, relative to this file; or url'),
  sha256: text(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
}

const lab = z.strictObject({
  k3s: z
    .strictObject({
      ...k3sProgram,
      releases: z
        .record(
          text(/^v\d+\.\d+\.\d+\S*\+k3s\d+$/, 'a release of K3s such as v1.36.4+k3s1'),
          z.strictObject(k3sProgram),
        )
        .optional()
        .describe('Other releases, for rehearsals of an upgrade'),
    })
    .optional()
    .describe("The real K3s, which the lab's hosts then run instead of a double"),
  dirt: z
    .record(z.string().min(1), z.array(z.enum(DIRT)))
    .optional()
    .describe(
      'What its hosts have that blank machines do not have (`fmc lab dirt` lists it), by pattern of hosts',
    ),
  packages: labPackages
    .optional()
    .describe("Packages that the lab's hosts can install besides those of fmc's roles"),
  images: z
    .strictObject({
      almalinux: rootfsWithRepo.optional(),
      rocky: rootfsWithRepo.optional(),
      debian: rootfsWithRepo.optional(),
      flatcar: z.strictObject(rootfs).optional(),
    })
    .optional()
    .describe("Real root file systems: the lab's hosts of that OS run from them"),
})

const secretUrl = z.union([
  text(/^https?:\/\/[^/\s]+\S*$/, 'a URL: https://'),
  z.instanceof(Secret),
])

const hook = z.strictObject({
  type: z
    .enum(['webhook', 'ntfy', 'healthchecks', 'slack'])
    .describe(
      'webhook: JSON of the summary; ntfy: a message to a topic; healthchecks: a ping with the exit code; slack: a message to Slack, Mattermost and others',
    ),
  url: secretUrl.describe(
    'Its address, best as !secret name: that of Slack and Healthchecks is one',
  ),
  token: z
    .instanceof(Secret)
    .optional()
    .describe('Of a webhook or ntfy: !secret name, sent as Authorization: Bearer'),
  commands: z
    .array(text(/^(play|role|drift)( \S+)*$/, 'a command such as play site or drift'))
    .min(1)
    .optional()
    .describe('Only runs of these commands, such as play site; default: all'),
  dry_runs: z
    .boolean()
    .optional()
    .describe('Also at the start and at the end of a dry run. Default: only if it fails'),
})
const hooks = z.strictObject({
  on_start: z.array(hook).optional().describe('Called when a run begins'),
  on_success: z.array(hook).optional().describe('Called when a run has ended with exit code 0'),
  on_failure: z
    .array(hook)
    .optional()
    .describe('Called when a run has failed, missed a host or was interrupted'),
  on_drift: z.array(hook).optional().describe('Called when fmc drift has found drift'),
})

/** The schema of inventory.yaml. Unknown keys are errors. check.ts checks the names. */
export const inventorySchema = z.strictObject({
  timezone: text(
    /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/,
    'a time zone such as Europe/Madrid or UTC',
  ),
  domain: text(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/,
    'a DNS domain such as cloud.internal',
  ).describe('DNS domain of the cloud'),
  os_unsupported: osUnsupported,
  secrets: z
    .string()
    .min(1)
    .optional()
    .describe('age-encrypted file, relative to this one; default secrets.age'),
  artifacts: z
    .record(z.string(), artifact)
    .optional()
    .describe('Overrides of files/artifacts.yaml'),
  hooks: hooks.optional().describe('Whom a run tells how it went'),
  lab: lab.optional().describe('What `--lab` makes of this inventory'),
  networks: z.record(text(NAME, 'a network name: a-z, 0-9, - and _'), network),
  vips: z.record(text(NAME, 'a VIP name: a-z, 0-9, - and _'), vip).optional(),
  all: z
    .strictObject({
      os_unsupported: osUnsupported,
      ssh: z.strictObject(ssh).optional(),
      vars: vars.optional(),
    })
    .optional(),
  groups: z.record(text(GROUP_NAME, 'a group name: letters, digits and _'), group).optional(),
  hosts: z.record(text(HOST_NAME, 'a host name: a-z, 0-9 and -, at most 63 characters'), host),
})

/** The JSON Schema for editors, which complete the variables of `roles` under every `vars:`. */
export function inventoryJsonSchema(
  roles: readonly { readonly role: string; readonly vars: z.ZodObject }[] = [],
): Record<string, unknown> {
  const schema = z.toJSONSchema(inventorySchema, { io: 'input', unrepresentable: 'any' })
  const properties: Record<string, unknown> = {}
  for (const { role, vars: own } of roles)
    for (const [name, type] of Object.entries(own.shape))
      properties[name] ??= {
        ...z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }),
        $schema: undefined,
        title: `role ${role}`,
      }
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === 'vars' && isObject(value) && roles.length > 0 ? { ...value, properties } : value,
    ),
  ) as Record<string, unknown>
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && 'propertyNames' in value
