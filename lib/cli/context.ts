import { join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { LabState } from '../lab/state.ts'
import type { Secret } from '../secrets/secret.ts'
import type { Target } from '../ssh/types.ts'

/** Options that every command has which works with an inventory. */
export interface CommonOptions {
  readonly inventory: string
  readonly extraVars?: readonly string[] | undefined
  readonly lab?: boolean | string | undefined
  readonly identity?: string | undefined
  readonly askBecomePass?: boolean | undefined
}

export interface Context {
  readonly inventory: Inventory
  readonly lab: LabState | undefined
  readonly targetOf: (host: Host) => Target
  /** What must not be seen. Secrets join when they are read, the sudo password when it is typed. */
  readonly secrets: Secret[]
}

/** The inventory, and with --lab the twin that this process is inside of. */
export async function openContext(o: CommonOptions, lab: LabState | undefined): Promise<Context> {
  const { loadInventory } = await import('../inventory/load.ts')
  const varNames = async (): Promise<ReadonlySet<string>> => {
    const { hosts } = await loadInventory(resolve(o.inventory))
    return new Set([...hosts.values()].flatMap(host => Object.keys(host.vars)))
  }
  const extra = o.extraVars?.length
    ? await (await import('../inventory/extra-vars.ts')).parseExtraVars([...o.extraVars], varNames)
    : {}
  const loaded = await loadInventory(resolve(o.inventory), {
    extraVars: { ...lab?.vars, ...extra },
  })
  const made = extra['hypervisor_vms'] ?? lab?.made
  const inventory = lab ? await asInLab(loaded, lab, Array.isArray(made) ? made : []) : loaded
  const secrets: Secret[] = []
  const password = askOnce(o.askBecomePass ?? false, secrets)
  const known = inventory.knownHostsFile
  return {
    inventory,
    lab,
    secrets,
    targetOf: host =>
      lab
        ? labTarget(host, lab, known)
        : { ...target(host, password), moreKnownHostsFiles: [known] },
  }
}

/**
 * The lab's hosts are what their personalities are, and have what the lab has built. Those that it does not run itself
 * may be virtual machines that its hypervisor makes, of Debian and with keys of their own.
 */
const asInLab = async (
  inventory: Inventory,
  lab: LabState,
  made: readonly unknown[],
): Promise<Inventory> => {
  const { k3sVersions } = await import('../lab/doubles/k3s.ts')
  const debian = { name: 'debian', family: 'debian', version: '12' } as const
  const likeDebian = new Set<unknown>([
    ...lab.hosts.filter(h => h.personality === 'debian' && h.image !== true).map(h => h.name),
    ...made,
  ])
  return {
    ...inventory,
    knownHostsFile: join(lab.dir, 'known_hosts.vms'),
    artifacts: {
      ...inventory.artifacts,
      ...lab.artifacts,
      ...k3sVersions(inventory, lab.artifacts['k3s']),
    },
    hosts: new Map(
      [...inventory.hosts].map(([name, host]) => [
        name,
        {
          ...host,
          os: host.os.family !== 'flatcar' && likeDebian.has(name) ? debian : host.os,
          ssh: { ...host.ssh, identityFile: lab.ssh.identityFile },
        },
      ]),
    ),
  }
}

const target = (host: Host, sudoPassword: Target['sudoPassword']): Target => ({
  name: host.name,
  address: host.address,
  port: host.ssh.port,
  user: host.ssh.user,
  sudo: host.ssh.sudo,
  sudoPassword,
  identityFiles: host.ssh.identityFile === undefined ? undefined : [host.ssh.identityFile],
  transport: host.ssh.transport,
})

const labTarget = (host: Host, { ssh, hosts }: LabState, known: string): Target => ({
  name: host.name,
  address: host.address,
  port: 22,
  transport: host.ssh.transport,
  ...(hosts.some(h => h.name === host.name)
    ? { user: ssh.user, sudo: false, knownHostsFiles: [ssh.knownHostsFile] }
    : { user: host.ssh.user, sudo: host.ssh.sudo, knownHostsFiles: [known] }),
  identityFiles: [ssh.identityFile],
  useSshConfig: false,
})

/** -K: the sudo password, asked for once and only when a host wants it; then it is one of the `secrets`. */
function askOnce(allowed: boolean, secrets: Secret[]): Target['sudoPassword'] {
  if (!allowed) return undefined
  const asked = async (): Promise<Secret> => {
    const [{ askHidden }, { Secret }] = await Promise.all([
      import('../secrets/prompt.ts'),
      import('../secrets/secret.ts'),
    ])
    const password = new Secret(await askHidden('sudo password: '), 'the sudo password')
    secrets.push(password)
    return password
  }
  let answer: Promise<Secret> | undefined
  return () => (answer ??= asked())
}

/** The inventory with the secrets that these hosts' variables refer to; they join the context's. */
export async function withSecrets(
  context: Context,
  hosts: ReadonlySet<string>,
  keys: ReadonlySet<string>,
  o: CommonOptions,
): Promise<Inventory> {
  const { secretRefs, resolveSecrets } = await import('../inventory/secrets.ts')
  const needed = onlyVars(context.inventory, hosts, keys)
  const refs = secretRefs(needed)
  if (refs.length === 0) return context.inventory
  const values = context.lab
    ? await labSecrets(
        context.lab,
        refs.map(r => r.name),
      )
    : await storedSecrets(context.inventory, o)
  const { secretNamed } = await import('../secrets/store.ts')
  const used = new Map<string, Secret>()
  const resolved = resolveSecrets(
    needed,
    ref => {
      const found = secretNamed(
        values,
        ref.name,
        context.inventory.secretsFile,
        `${ref.file}:${ref.line}:${ref.column}`,
      )
      used.set(ref.name, found)
      return found
    },
    hosts,
  )
  context.secrets.push(...used.values())
  return resolved
}

/** The inventory in which hosts have only the variables that count: nobody is asked for a secret that is not used. */
const onlyVars = (
  inventory: Inventory,
  hosts: ReadonlySet<string>,
  keys: ReadonlySet<string>,
): Inventory => ({
  ...inventory,
  hosts: new Map(
    [...inventory.hosts].map(([name, host]) => [
      name,
      hosts.has(name)
        ? {
            ...host,
            vars: Object.fromEntries(Object.entries(host.vars).filter(([key]) => keys.has(key))),
          }
        : { ...host, vars: {} },
    ]),
  ),
})

async function storedSecrets(
  inventory: Inventory,
  o: CommonOptions,
): Promise<ReadonlyMap<string, Secret>> {
  const { openSecrets } = await import('../secrets/store.ts')
  return openSecrets(
    inventory.secretsFile,
    o.identity === undefined ? {} : { identity: o.identity },
  )
}

async function labSecrets(
  lab: LabState,
  names: readonly string[],
): Promise<ReadonlyMap<string, Secret>> {
  const { labSecret } = await import('../lab/secrets.ts')
  const { Secret } = await import('../secrets/secret.ts')
  return new Map(names.map(name => [name, new Secret(labSecret(lab.dir, name), name)]))
}

/** A whole number of at least one, as an option's value. */
export function positive(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`${option} ${text}: expected a whole number of at least 1`)
  return value
}
