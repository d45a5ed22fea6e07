import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { DIRT } from '../../lib/inventory/dirt.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { changesOf, inWords, isEmpty, type Changes } from '../../lib/lab/changes.ts'
import { dirtNamed } from '../../lib/lab/dirt.ts'
import { settle } from '../../lib/lab/network/settle.ts'
import { topology, type Topology } from '../../lib/lab/network/topology.ts'
import { targetOf } from '../../lib/lab/target.ts'
import { ROOT } from '../rig/lab.ts'

const GW = `gw: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }`
const DISK = `{ name: data, size: 1GB, device: /dev/disk/by-id/virtio-data }`
const WEB1 = `web1: { os: debian 12, nics: [{ network: inner, address: 10.5.0.11 }], disks: [${DISK}] }`
const DB1 = `db1: { os: rocky 9.5, nics: [{ network: lan, address: 192.168.0.31 }] }`
const INNER = `inner: { cidr: 10.5.0.0/24, mode: nat, gateway: 10.5.0.1, router: gw }`
const BASE = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  ${INNER}
all: { vars: { motd: a } }
groups:
  db: { hosts: [db1] }
hosts:
  ${GW}
  ${WEB1}
  ${DB1}
`
const SHA = 'ab'.repeat(32)
const WEB2 = 'web2: { os: debian 12, nics: [{ network: inner, address: 10.5.0.12 }] }'
const swap = (from: string, to: string): string => {
  if (!BASE.includes(from)) throw new Error(`the inventory has no ${from}`)
  return BASE.replace(from, to)
}

/** An edit of the inventory, and what it means for the lab. */
const EDITS: readonly (readonly [edit: string, text: string, Partial<Changes>, words: string])[] = [
  ['none', BASE, {}, ''],
  ['a variable', swap('motd: a', 'motd: b'), {}, ''],
  ['a group', swap('db: { hosts: [db1] }', 'db: { hosts: [db1, web1] }'), {}, ''],
  ['an SSH user', swap('web1: {', 'web1: { ssh: { user: core },'), {}, ''],
  ['the order of hosts', swap(`${GW}\n  ${WEB1}`, `${WEB1}\n  ${GW}`), {}, ''],
  [
    'a VIP',
    swap(
      'all:',
      'vips: { v: { address: 192.168.0.9, network: lan, vrid: 9, ports: [80], backends: db, balancers: db } }\nall:',
    ),
    {},
    '',
  ],
  ['a host at the end', `${BASE}  ${WEB2}\n`, { added: ['web2'] }, 'added web2'],
  [
    'a host at the start',
    swap('hosts:\n', `hosts:\n  ${WEB2}\n`),
    { added: ['web2'] },
    'added web2',
  ],
  [
    'a host less',
    swap(`  ${DB1}\n`, '').replace('[db1]', '[gw]'),
    { removed: ['db1'] },
    'removed db1',
  ],
  [
    'another name',
    BASE.replaceAll('db1', 'db2'),
    { added: ['db2'], removed: ['db1'] },
    'added db2; removed db1',
  ],
  [
    'another address',
    swap('10.5.0.11', '10.5.0.13'),
    { rebuilt: [{ name: 'web1', why: 'its address changed' }] },
    'rebuilt web1 because its address changed',
  ],
  [
    'another NIC',
    swap('address: 192.168.0.31', 'address: 192.168.0.31, mac: 52:54:00:00:00:01'),
    { rebuilt: [{ name: 'db1', why: 'its NICs changed' }] },
    'rebuilt db1 because its NICs changed',
  ],
  [
    'one NIC more',
    swap(
      'address: 192.168.0.31 }',
      'address: 192.168.0.31 }, { network: inner, address: 10.5.0.31 }',
    ),
    { rebuilt: [{ name: 'db1', why: 'its address changed' }] },
    'rebuilt db1 because its address changed',
  ],
  [
    'a larger disk',
    swap('1GB', '2GB'),
    { rebuilt: [{ name: 'web1', why: 'its disks changed' }] },
    'rebuilt web1 because its disks changed',
  ],
  [
    'no disk',
    swap(`, disks: [${DISK}]`, ''),
    { rebuilt: [{ name: 'web1', why: 'its disks changed' }] },
    'rebuilt web1 because its disks changed',
  ],
  [
    'another OS',
    swap('rocky 9.5', 'almalinux 9.5'),
    { rebuilt: [{ name: 'db1', why: 'its OS changed from rocky 9.5 to almalinux 9.5' }] },
    'rebuilt db1 because its OS changed from rocky 9.5 to almalinux 9.5',
  ],
  [
    'an image for an OS',
    swap(
      'all:',
      `lab: { images: { rocky: { url: "https://x.example/r.tar", sha256: ${SHA} } } }\nall:`,
    ),
    { rebuilt: [{ name: 'db1', why: 'its image changed' }] },
    'rebuilt db1 because its image changed',
  ],
  [
    'an address and a disk',
    swap('10.5.0.11', '10.5.0.13').replace('1GB', '2GB'),
    { rebuilt: [{ name: 'web1', why: 'its disks changed and its address changed' }] },
    'rebuilt web1 because its disks changed and its address changed',
  ],
  [
    'a network with a host: its router and the hosts beside it get routes and a cable while they run',
    swap(
      INNER,
      `deep: { cidr: 10.6.0.0/24, mode: nat, gateway: 10.6.0.1, router: gw }\n  ${INNER}`,
    ) + '  deep1: { os: debian 12, nics: [{ network: deep, address: 10.6.0.11 }] }\n',
    { added: ['deep1'], adjusted: ['gw', 'db1'] },
    'added deep1',
  ],
  [
    'a gateway of the LAN: no host is rebuilt',
    swap('gateway: 192.168.0.1 ', 'gateway: 192.168.0.2 '),
    { adjusted: ['gw', 'db1'] },
    '',
  ],
  [
    'another prefix of a network',
    swap('10.5.0.0/24', '10.5.0.0/25'),
    { rebuilt: [{ name: 'web1', why: 'its address changed' }], adjusted: ['gw', 'db1'] },
    'rebuilt web1 because its address changed',
  ],
  [
    'another router: it routes now, the old one does no longer',
    swap('router: gw', 'router: db1'),
    {
      rebuilt: [
        { name: 'gw', why: 'it no longer routes networks' },
        { name: 'db1', why: 'it now routes networks' },
      ],
    },
    'rebuilt gw because it no longer routes networks; rebuilt db1 because it now routes networks',
  ],
  [
    'a VPN hub with a name: every host knows it',
    swap(
      'all:',
      `  vpn: { cidr: 10.9.0.0/24, mode: wireguard, gateway: 10.9.0.1, router: db1, endpoint: hub.example.org }\nall:`,
    ),
    { adjusted: ['gw', 'web1', 'db1'] },
    '',
  ],
]
const NONE: Changes = { added: [], removed: [], rebuilt: [], adjusted: [] }

void t.test('what an edit of the inventory means for a lab that is up', async t => {
  const dir = t.testdir(Object.fromEntries(EDITS.map(([, text], n) => [`${n}.yaml`, text])))
  const before = targetOf(await loadInventory(join(dir, '0.yaml')), {}, undefined)
  const state = { ...before, hosts: before.recipes.map(recipe => ({ ...recipe, recipe })) }
  for (const [n, [edit, , changes, words]] of EDITS.entries()) {
    const inventory = await loadInventory(join(dir, `${n}.yaml`))
    const { recipes } = targetOf(inventory, {}, state)
    const found = changesOf(before.recipes, recipes)
    t.strictSame(found, { ...NONE, ...changes }, edit)
    t.equal(inWords(found), words)
    // As it is read back from the state file.
    const read = JSON.parse(JSON.stringify(before.recipes)) as typeof before.recipes
    t.strictSame(changesOf(read, recipes), found)
  }
})

void t.test(
  'a virtual machine: --vm rebuilds it, and without --vm it stays what it is',
  async t => {
    const dir = t.testdir({ 'inventory.yaml': BASE })
    const inventory = await loadInventory(join(dir, 'inventory.yaml'))
    const before = targetOf(inventory, {}, undefined)
    const state = { ...before, hosts: before.recipes.map(recipe => ({ ...recipe, recipe })) }
    const vm = targetOf(inventory, { vm: ['web1'] }, state)
    const changes = changesOf(before.recipes, vm.recipes)
    t.equal(inWords(changes), 'rebuilt web1 because it becomes a virtual machine')
    const running = { ...vm, hosts: vm.recipes.map(recipe => ({ ...recipe, recipe })) }
    t.ok(isEmpty(changesOf(vm.recipes, targetOf(inventory, {}, running).recipes)))
    const back = changesOf(vm.recipes, targetOf(inventory, { vm: [] }, running).recipes)
    t.equal(inWords(back), 'rebuilt web1 because it becomes a container')
  },
)

void t.test(
  'a lab of some hosts: an edit adds none to it, `lab up HOST` and `lab up` do',
  async t => {
    const dir = t.testdir({ 'a.yaml': BASE, 'b.yaml': `${BASE}  ${WEB2}\n` })
    const [a, b] = await Promise.all(['a', 'b'].map(n => loadInventory(join(dir, `${n}.yaml`))))
    const before = targetOf(a!, { hosts: ['gw', 'web1'] }, undefined)
    t.strictSame(before.chosen, ['gw', 'web1'])
    const state = { ...before, hosts: before.recipes.map(recipe => ({ ...recipe, recipe })) }
    const names = (o: object) => targetOf(b!, o, state).recipes.map(r => r.name)
    t.strictSame(names({ asItIs: true }), ['gw', 'web1'])
    t.strictSame(names({ hosts: ['web2'] }), ['gw', 'web1', 'web2'])
    t.strictSame(names({}), ['gw', 'web1', 'db1', 'web2'])
  },
)

void t.test('dirt: added to a running host, taken away with the host', async t => {
  const dirt = (text: string) => swap('groups:', `lab: { dirt: ${text} }\ngroups:`)
  const dir = t.testdir({
    'none.yaml': BASE,
    'some.yaml': dirt('{ db: [no-sftp, docker-forward], "web*": [port-53, login-shell] }'),
    'less.yaml': dirt('{ web1: [login-shell] }'),
    'wrong.yaml': dirt('{ nobody: [port-53] }'),
    'unknown.yaml': dirt('{ db: [port-54] }'),
  })
  const load = (name: string) => loadInventory(join(dir, `${name}.yaml`))
  const some = targetOf(await load('some'), {}, undefined)
  t.strictSame(
    some.recipes.map(r => r.dirt),
    [undefined, ['login-shell', 'port-53'], ['no-sftp']],
    'Docker on Enterprise Linux is not offered',
  )
  const clean = targetOf(await load('none'), {}, undefined)
  t.match(changesOf(clean.recipes, some.recipes), { rebuilt: [], adjusted: ['web1', 'db1'] })
  const less = targetOf(await load('less'), {}, undefined)
  t.equal(
    inWords(changesOf(some.recipes, less.recipes)),
    'rebuilt web1 because it loses dirt; rebuilt db1 because it loses dirt',
  )
  const asked = targetOf(await load('less'), { dirt: ['port-8080'] }, undefined)
  t.strictSame(
    asked.recipes.map(r => r.dirt),
    [['port-8080'], ['login-shell', 'port-8080'], ['port-8080']],
  )
  const before = { ...asked, hosts: asked.recipes.map(recipe => ({ ...recipe, recipe })) }
  t.strictSame(targetOf(await load('less'), {}, before).dirt, ['port-8080'], 'it stays')
  t.strictSame(targetOf(await load('less'), { dirt: [] }, before).dirt, [], '--dirt none')
  await t.rejects(load('wrong'), { message: /no host or group is called nobody/ })
  await t.rejects(load('unknown'), {
    message: /lab\.dirt\.db\[0\]: expected clock-ahead or dead-repository or /,
  })
  t.throws(() => dirtNamed(['port-54']), { message: 'the lab has no dirt port-54' })
  t.strictSame(dirtNamed(['none']), [])
  t.strictSame(readdirSync(join(ROOT, 'files/lab/dirt')), [
    ...new Set(DIRT.map(name => `${name.replace(/^port-\d+$/, 'port')}.sh`)),
  ])
})

void t.test('bridges, ports and devices keep their names, and no two have the same', async t => {
  const network = (n: number) =>
    `  n${n}: { cidr: 10.${n + 20}.0.0/24, ${n % 2 ? 'mode: nat, router: gw' : 'mode: bridge'}, gateway: 10.${n + 20}.0.1 }\n`
  const host = (n: number) =>
    `  h${n}: { os: debian 12, nics: [{ network: n${n % 6}, address: 10.${(n % 6) + 20}.0.${n + 10} }] }\n`
  const text = (networks: readonly number[], hosts: readonly number[]) =>
    `timezone: UTC\ndomain: c.internal\nnetworks:\n  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }\n${networks.map(network).join('')}hosts:\n  ${GW}\n${hosts
      .filter(h => networks.includes(h % 6))
      .map(host)
      .join('')}`
  const shape = fc.tuple(
    fc.shuffledSubarray([0, 1, 2, 3, 4, 5]),
    fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
  )
  const dir = t.testdir({ 'inventory.yaml': '' })
  const { writeFileSync } = await import('node:fs')
  const file = join(dir, 'inventory.yaml')
  const wiringOf = async ([networks, hosts]: [number[], number[]]): Promise<Topology> => {
    writeFileSync(file, text(networks, hosts))
    return topology(await loadInventory(file, { cache: false }), 'key')
  }
  await fc.assert(
    fc.asyncProperty(shape, shape, shape, async (one, two, three) => {
      const first = await wiringOf(one)
      const second = settle(first, await wiringOf(two))
      const third = settle(second, await wiringOf(three))
      for (const [before, now] of [
        [first, second],
        [second, third],
      ] as const) {
        const unique = (names: readonly string[]) => new Set(names).size === names.length
        if (!unique(now.switches.map(s => `${s.netns} ${s.bridge}`))) return false
        const links = now.hosts.flatMap(h => h.links)
        if (!unique(links.map(l => `${l.switchNetns} ${l.port}`))) return false
        if (!now.hosts.every(h => unique(h.links.map(l => l.device)))) return false
        for (const s of now.switches) {
          const old = before.switches.find(o => o.network === s.network && o.netns === s.netns)
          if (old !== undefined && old.bridge !== s.bridge) return false
          if (!links.every(l => l.network !== s.network || l.bridge === s.bridge)) return false
        }
        for (const h of now.hosts)
          for (const link of h.links) {
            const old = before.hosts
              .find(o => o.name === h.name)
              ?.links.find(l => l.network === link.network)
            if (old && (old.port !== link.port || old.device !== link.device)) return false
          }
      }
      return true
    }),
    { numRuns: 60 },
  )
  t.pass('for any two edits')
})
