import { resolve } from 'node:path'
import type { ExtraVar } from '../inventory/extra-vars.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import type { Twin } from '../lab/index.ts'
import type { Secret } from '../secrets/secret.ts'
import type { Target } from '../ssh/types.ts'
import type { LoginOptions } from './options.ts'
import { identitiesOf, withSshConfig, type Completed } from './ssh-config.ts'
import { TransportNote } from './transport-note.ts'

/** What a command needs to reach the hosts of an inventory. */
export interface Context {
  readonly inventory: Inventory
  /** The variables of `-e`, which the inventory's hosts have already. */
  readonly extraVars: ReadonlyMap<string, ExtraVar>
  /** The lab that this process runs inside of; undefined: the hosts are the real ones. */
  readonly lab: Twin | undefined
  readonly targetOf: (host: Host) => Target
  /** Says once per run that `transport: auto` has chosen OpenSSH. Default: to stderr. */
  readonly transportNote: TransportNote
  /** Values to hide in all output: secrets join when they are read, the sudo password when it is typed. */
  readonly secrets: Secret[]
}

/** The inventory with the extra variables of the command line, as the lab's hosts are if there is a lab. */
export async function openContext(o: LoginOptions, lab: Twin | undefined): Promise<Context> {
  const { loadInventory } = await import('../inventory/load.ts')
  const varNames = async (): Promise<ReadonlySet<string>> => {
    const { hosts } = await loadInventory(resolve(o.inventory))
    return new Set([...hosts.values()].flatMap(host => Object.keys(host.vars)))
  }
  const extra = o.extraVars?.length
    ? await (await import('../inventory/extra-vars.ts')).parseExtraVars([...o.extraVars], varNames)
    : new Map<string, ExtraVar>()
  const values = Object.fromEntries([...extra].map(([name, { value }]) => [name, value]))
  const loaded = await loadInventory(resolve(o.inventory), {
    extraVars: { ...lab?.vars, ...values },
  })
  const { inventory, asked } = lab
    ? inLab(lab.inventory(loaded, values['hypervisor_vms']))
    : await withSshConfig(loaded)
  const secrets: Secret[] = []
  const transportNote = new TransportNote()
  const sudoPassword = passwordPrompt(o.askBecomePass ?? false, secrets)
  return {
    inventory,
    extraVars: extra,
    lab,
    secrets,
    transportNote,
    targetOf: host =>
      lab
        ? labTarget(host, lab)
        : {
            ...target(host, sudoPassword),
            asked: asked.get(host.name),
            moreKnownHostsFiles: [inventory.knownHostsFile],
            onOpenssh: why => transportNote.chosen(host.name, why),
          },
  }
}

/** The lab's logins do not depend on ssh_config. */
const inLab = (inventory: Inventory): Completed => ({ inventory, asked: new Map() })

const target = (host: Host, sudoPassword: Target['sudoPassword']): Target => ({
  name: host.name,
  alias: host.name,
  address: host.address,
  port: host.ssh.port,
  user: host.ssh.user,
  sudo: host.ssh.sudo,
  sudoPassword,
  identityFiles: identitiesOf(host),
  transport: host.ssh.transport,
})

const labTarget = (host: Host, lab: Twin): Target => {
  const { user, sudo, identityFile, knownHostsFile } = lab.login(host)
  return {
    name: host.name,
    address: host.address,
    port: 22,
    transport: host.ssh.transport,
    user,
    sudo,
    knownHostsFiles: [knownHostsFile],
    identityFiles: [identityFile],
    useSshConfig: false,
  }
}

/** With -K: asks for the sudo password once, when a host first needs it, and adds it to the `secrets`. */
function passwordPrompt(allowed: boolean, secrets: Secret[]): Target['sudoPassword'] {
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

/** The inventory with the secrets that these variables of these hosts refer to; they join the context's secrets. */
export async function withSecrets(
  context: Context,
  hosts: ReadonlySet<string>,
  keys: ReadonlySet<string>,
  o: LoginOptions,
): Promise<Inventory> {
  const { secretRefs, resolveSecrets } = await import('../inventory/secrets.ts')
  const needed = onlyVars(context.inventory, hosts, keys)
  const refs = secretRefs(needed)
  if (refs.length === 0) return context.inventory
  const names = refs.map(r => r.name)
  const values = context.lab
    ? await (
        await import('./lab-secrets.ts')
      ).labSecrets(context.lab, names, context.inventory.secretsFile, o.identity)
    : await secretsOf(context, o)
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

/** The inventory with only the variables in use: a secret that is not used need not exist. */
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

const opened = new WeakMap<object, Promise<ReadonlyMap<string, Secret>>>()

/** The secrets file of a context by name, opened once. Throws UsageError. */
export function secretsOf(
  context: Pick<Context, 'inventory'>,
  o: Pick<LoginOptions, 'identity'>,
): Promise<ReadonlyMap<string, Secret>> {
  let secrets = opened.get(context)
  if (!secrets) {
    secrets = import('../secrets/store.ts').then(({ openSecrets }) =>
      openSecrets(
        context.inventory.secretsFile,
        o.identity === undefined ? {} : { identity: o.identity },
      ),
    )
    opened.set(context, secrets)
  }
  return secrets
}
