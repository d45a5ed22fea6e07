import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../../lib/errors.ts'
import { SCHEMA } from '../../lib/inventory/cache.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { inventoryJsonSchema } from '../../lib/inventory/schema.ts'
import { SecretRef } from '../../lib/inventory/secret-ref.ts'
import { fileWith, small, SMALL } from './helpers.ts'

const refusal = async (load: Promise<unknown>): Promise<UsageError> => {
  try {
    await load
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error('was not refused')
}

void t.test('every field', async t => {
  const file = fileWith(
    t,
    small(
      ['all: {}', 'secrets: keys/cloud.age\nartifacts: { k3s: { version: v1 } }\nall: {}'],
      [
        'os: almalinux 9.5',
        'os: almalinux 9.5, root_disk: 1.5TB, disks: [{ name: d, size: 512MB }, { name: e, size: 80GB, device: /dev/vdb }]',
      ],
      [
        'address: 10.17.3.14 }]',
        'address: 10.17.3.14, mac: "52:54:00:00:00:01" }, { network: lan, address: 192.168.0.50, device: lan0 }]',
      ],
    ),
  )
  const inventory = await loadInventory(file)
  t.match(inventory, {
    file,
    timezone: 'Europe/Madrid',
    domain: 'cloud.internal',
    secretsFile: join(file, '..', 'keys/cloud.age'),
    knownHostsFile: join(file, '..', 'known_hosts'),
    artifacts: { k3s: { version: 'v1' } },
  })
  t.same(inventory.hosts.get('db1'), {
    name: 'db1',
    address: '10.17.3.14',
    os: { name: 'almalinux', family: 'el', version: '9.5' },
    nics: [
      { network: 'inner', address: '10.17.3.14', mac: '52:54:00:00:00:01', device: 'eth0' },
      { network: 'lan', address: '192.168.0.50', mac: undefined, device: 'lan0' },
    ],
    vcpu: 2,
    memoryMb: 1024,
    rootDiskGb: 1536,
    disks: [
      { name: 'd', sizeGb: 0.5, device: '/dev/disk/by-id/virtio-d' },
      { name: 'e', sizeGb: 80, device: '/dev/vdb' },
    ],
    vmOn: 'hv',
    groups: ['all', 'db'],
    index: 3,
    ssh: { user: 'root', port: 22, sudo: false, identityFile: undefined, transport: 'auto' },
    vars: {},
  })
  t.same(inventory.networks.get('inner'), {
    name: 'inner',
    cidr: '10.17.3.0/24',
    prefix: 24,
    mode: 'open',
    gateway: '10.17.3.1',
    bridge: undefined,
    router: 'hv',
  })
  t.same(inventory.vips.get('api'), {
    name: 'api',
    address: '192.168.0.32',
    network: 'lan',
    prefix: 24,
    vrid: 51,
    ports: [6443],
    backendPorts: [6443],
    backends: 'db',
    check: 'tcp',
    proxyProtocol: false,
    balancers: 'lb',
    preferred: undefined,
  })
  t.same(
    [...inventory.groups],
    [
      ['all', ['hv', 'lb1', 'lb2', 'db1']],
      ['lb', ['lb1', 'lb2']],
      ['db', ['db1']],
    ],
  )
  t.equal((await loadInventory(fileWith(t, SMALL))).secretsFile, join(file, '..', 'secrets.age'))
})

void t.test('one error lists every problem with its place', async t => {
  const file = fileWith(t, small(['all: {}', 'alll: {}'], ['hosts: [db1]', 'hosts: [db2]']))
  const error = await refusal(loadInventory(file))
  t.equal(
    error.message,
    `${file}:14:1: error: unknown key alll\n  did you mean all?\n` +
      `${file}:17:17: error: no host is called db2\n  did you mean db1?`,
  )
  t.equal(error.exitCode, 1)
})

void t.test('a warning does not stop the loading', async t => {
  const inventory = await loadInventory(fileWith(t, small(['memory: 4GB', 'memory: 1GB'])))
  t.equal(inventory.hosts.size, 4)
})

const UNREADABLE: readonly [title: string, content: string | Uint8Array, message: RegExp][] = [
  ['empty', '', /:1:1: error: the inventory is empty\n {2}it needs timezone, domain, networks/],
  ['only comments', '# nothing\n', /:1:1: error: the inventory is empty/],
  ['a list', '- a\n', /:1:1: error: the file: expected a map, got a list/],
  ['Latin-1', Buffer.from('a: 1\nb: Espa\xf1a\n', 'latin1'), /:2:1: error: this line is not UTF-8/],
  ['UTF-16', Buffer.from('\ufeffa: 1\n', 'utf16le'), /:1:1: error: this line is not UTF-8/],
  ['too large', Buffer.alloc(17 * 1024 * 1024, ' '), /is larger than 16 MB/],
]
for (const [title, content, message] of UNREADABLE)
  void t.test(title, async t => {
    t.match((await refusal(loadInventory(fileWith(t, content)))).message, message)
  })

void t.test('a missing file, and a directory', async t => {
  const file = fileWith(t, SMALL)
  const error = await refusal(loadInventory(`${file}.not`))
  t.match(error, { message: `there is no inventory ${file}.not`, hint: /-i FILE/ })
  t.match((await refusal(loadInventory(join(file, '..')))).message, /cannot read .*EISDIR/)
})

void t.test('a byte order mark and Windows lines are fine', async t => {
  const inventory = await loadInventory(fileWith(t, `\ufeff${SMALL.replaceAll('\n', '\r\n')}`))
  t.equal(inventory.timezone, 'Europe/Madrid')
})

void t.test('a thousand hosts', async t => {
  const hosts = Array.from(
    { length: 1000 },
    (_, n) =>
      `  n${n}: { os: debian 12, nics: [{ network: lan, address: 10.0.${n >> 7}.${(n & 127) + 2} }] }\n`,
  )
  const text = `timezone: UTC\ndomain: a.b\nnetworks: { lan: { cidr: 10.0.0.0/8, mode: bridge } }\nhosts:\n${hosts.join('')}`
  t.equal((await loadInventory(fileWith(t, text))).hosts.size, 1000)
})

void t.test('the cache', async t => {
  const text = small(['all: {}', 'all: { vars: { key: [!secret a, { b: !secret c }] } }'])
  const file = fileWith(t, text)
  const parsed = await loadInventory(file)
  const directory = join(process.env['FMC_CACHE'] ?? '', 'inventory')
  const [entry = '', ...others] = readdirSync(directory)
  const cached = join(directory, entry)
  t.same(others, [], 'one file')
  t.equal(statSync(cached).mode & 0o777, 0o600)

  const again = await loadInventory(file)
  t.same(again, parsed, 'gives the same inventory')
  t.match((again.hosts.get('hv')?.vars['key'] as unknown[])[0], {
    name: 'a',
    file,
    line: 14,
    column: 22,
  })
  t.ok((again.hosts.get('hv')?.vars['key'] as unknown[])[0] instanceof SecretRef)

  writeFileSync(cached, readFileSync(cached, 'utf8').replace('Europe/Madrid', 'Europe/Lisbon'))
  t.equal((await loadInventory(file)).timezone, 'Europe/Lisbon', 'and is really used')
  t.equal(
    (await loadInventory(file, { cache: false })).timezone,
    'Europe/Madrid',
    'unless told not to',
  )

  writeFileSync(file, text.replace('lb1, lb2', 'lb2, lb1'))
  t.equal((await loadInventory(file)).timezone, 'Europe/Madrid', 'a changed file is parsed')
  writeFileSync(cached, readFileSync(cached, 'utf8').slice(0, 200))
  t.equal((await loadInventory(file)).timezone, 'Europe/Madrid', 'a damaged cache is ignored')

  writeFileSync(file, 'a: [')
  await t.rejects(loadInventory(file), UsageError)
  await t.rejects(loadInventory(file), UsageError, 'a wrong file stays wrong')
  process.env['FMC_CACHE'] = file
  writeFileSync(file, text)
  t.equal((await loadInventory(file)).timezone, 'Europe/Madrid', 'no cache at all is no error')
})

void t.test('the cache version and the committed JSON Schema match the schema', t => {
  const digest = createHash('sha256').update(JSON.stringify(inventoryJsonSchema())).digest('hex')
  t.equal(
    SCHEMA,
    digest.slice(0, 12),
    `set SCHEMA in lib/inventory/cache.ts to ${digest.slice(0, 12)}`,
  )
  const committed = JSON.parse(
    readFileSync(new URL('../../files/inventory.schema.json', import.meta.url), 'utf8'),
  ) as { properties: Record<string, unknown> }
  t.same(
    Object.keys(committed.properties),
    Object.keys(inventoryJsonSchema()['properties'] as object),
    'write it anew with fmc lint --schema',
  )
  t.end()
})
