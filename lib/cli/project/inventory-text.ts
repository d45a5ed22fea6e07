import { UsageError } from '../../errors.ts'
import { isHostAddress, parseCidr, parseIpv4 } from '../../inventory/net.ts'

/** What `fmc init` has to know for an inventory. */
export interface Answers {
  readonly domain: string
  readonly timezone: string
  readonly cidr: string
  readonly gateway: string
  readonly user: string
  readonly hosts: readonly NewHost[]
}

export interface NewHost {
  readonly name: string
  readonly address: string
  readonly os: string
}

/** The inventory of `--from-example small`: a Debian host and an AlmaLinux host. */
export const SMALL: Answers = {
  domain: 'cloud.internal',
  timezone: 'UTC',
  cidr: '192.168.1.0/24',
  gateway: '192.168.1.1',
  user: 'root',
  hosts: [
    { name: 'web1', address: '192.168.1.11', os: 'debian 12' },
    { name: 'web2', address: '192.168.1.12', os: 'almalinux 9' },
  ],
}

/** Completion and checks in editors with a YAML language server. */
export const SCHEMA =
  '# yaml-language-server: $schema=node_modules/fmc/files/inventory.schema.json\n'

/** inventory.yaml. Every value has been checked by `CHECKS`. */
export const inventoryText = (a: Answers): string => `${SCHEMA}
timezone: ${a.timezone}
domain: ${a.domain}

networks:
  lan: { cidr: ${a.cidr}, mode: bridge, gateway: ${a.gateway} }

all:
  ssh: { user: ${a.user}${a.user === 'root' ? '' : ', sudo: true'} }
  vars:
    motd_contact: ops@${a.domain}

hosts:
${a.hosts.map(h => `  ${h.name}: { os: ${h.os}, nics: [{ network: lan, address: ${h.address} }] }\n`).join('')}`

type Check = (value: string, before: { readonly cidr?: string }) => string | undefined

const matches =
  (pattern: RegExp, expected: string): Check =>
  value =>
    pattern.test(value) ? undefined : `expected ${expected}`

const network: Check = value => {
  const block = parseCidr(value)
  return typeof block === 'string' ? `it ${block}` : undefined
}

const inNetwork: Check = (value, { cidr = '' }) => {
  const lan = parseCidr(cidr)
  const address = parseIpv4(value)
  if (address === undefined) return 'expected an IPv4 address such as 192.168.1.11'
  if (typeof lan === 'string' || isHostAddress(lan, address)) return undefined
  return `no host of ${cidr} can have this address`
}

const timezone: Check = value => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
    return undefined
  } catch {
    return 'expected a time zone such as Europe/Madrid or UTC'
  }
}

/** What is wrong with an answer; undefined: nothing. */
export const CHECKS = {
  domain: matches(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/,
    'a DNS domain such as cloud.internal',
  ),
  timezone,
  cidr: network,
  gateway: inNetwork,
  user: matches(/^[a-z_][a-z0-9_-]*$/, 'a user name such as root'),
  name: matches(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a host name: a-z, 0-9 and -'),
  address: inNetwork,
  os: matches(
    /^(debian|ubuntu|almalinux|rocky|flatcar)( \d+(\.\d+)*)?$/,
    'debian 12, ubuntu 24.04, almalinux 9, rocky 9 or flatcar',
  ),
} as const

/** Asks for an inventory, one line each, until every answer is right. `ask` resolves with what was typed. */
export async function askInventory(
  ask: (question: string) => Promise<string>,
  say: (text: string) => void,
): Promise<Answers> {
  const known: {
    cidr?: string
    domain?: string
    timezone?: string
    gateway?: string
    user?: string
  } = {}
  const one = async (
    key: keyof typeof CHECKS,
    question: string,
    usual: string,
  ): Promise<string> => {
    for (;;) {
      const value = (await ask(`${question}${usual === '' ? '' : ` [${usual}]`}:`)).trim() || usual
      const wrong = CHECKS[key](value, known)
      if (wrong === undefined) return value
      say(`${value}: ${wrong}`)
    }
  }
  known.domain = await one('domain', 'DNS domain of the hosts', SMALL.domain)
  known.timezone = await one(
    'timezone',
    'Time zone',
    new Intl.DateTimeFormat().resolvedOptions().timeZone,
  )
  known.cidr = await one('cidr', 'Network of the hosts', SMALL.cidr)
  known.gateway = await one('gateway', 'Its gateway', known.cidr.replace(/\d+\/\d+$/, '1'))
  known.user = await one(
    'user',
    'User who logs in over SSH (root, or one who may sudo)',
    SMALL.user,
  )
  const hosts: NewHost[] = []
  const freeAddress = async (name: string): Promise<string> => {
    for (;;) {
      const address = await one('address', `Address of ${name}`, '')
      const taken = hosts.find(h => h.address === address)
      if (!taken && address !== known.gateway) return address
      say(`${address}: ${taken?.name ?? 'the gateway'} has it`)
    }
  }
  for (;;) {
    const more = hosts.length > 0
    const name = await one(
      'name',
      `Host ${hosts.length + 1}${more ? ' (done: no more hosts)' : ''}`,
      more ? 'done' : 'web1',
    )
    if (more && name === 'done') break
    if (hosts.some(h => h.name === name)) {
      say(`${name}: there is such a host already`)
      continue
    }
    hosts.push({
      name,
      address: await freeAddress(name),
      os: await one('os', `Operating system of ${name}`, hosts.at(-1)?.os ?? 'debian 12'),
    })
  }
  if (hosts.length === 0) throw new UsageError('an inventory needs a host')
  const { domain, cidr, gateway, user } = known as Required<typeof known>
  return { domain, timezone: known.timezone, cidr, gateway, user, hosts }
}
