import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import { makeParts, type Part } from '../../lib/lab/images/parts.ts'
import {
  imagesFor,
  madeVms,
  programsFor,
  USED_BY,
  usedBy,
  withRouters,
} from '../../lib/lab/needs.ts'
import type { Programs } from '../../lib/lab/state.ts'
import { targetOf, type Asked, type Before } from '../../lib/lab/target.ts'

const ROOT = join(import.meta.dirname, '../..')
const inventory = await loadInventory(join(ROOT, 'inventory.yaml'))

const hostsOf = (names: readonly string[]) =>
  [...inventory.hosts.values()].filter(h => names.includes(h.name))

void t.test('every role of fmc says what it installs of the programs that take long', t => {
  const roles = readdirSync(join(ROOT, 'roles')).filter(name => name !== 'shared')
  t.strictSame(Object.keys(USED_BY), roles.sort())
  t.end()
})

void t.test('what roles use; nobody knows what a role that is not fmc’s uses', t => {
  const all = ['coredns', 'k3s', 'cloudImage']
  for (const [roles, uses] of [
    [undefined, all],
    [[], []],
    [['haproxy-keepalived', 'timezone'], []],
    [['coredns-chrony', 'nfs'], ['coredns']],
    [['k3s-agent'], ['k3s']],
    [['hypervisor'], ['cloudImage']],
    [['motd'], all],
  ] as const)
    t.strictSame([...usedBy(roles)], uses, roles?.join(' ') ?? 'any role')
  t.end()
})

void t.test('programs that hosts and roles need', t => {
  const none = { k3s: false, coredns: false, cloudImage: false, wireguard: false }
  const cases: readonly [
    string,
    readonly string[],
    readonly string[] | undefined,
    boolean,
    Partial<Programs> | undefined,
    object,
  ][] = [
    ['fmc lab up', ['master1', 'worker1'], [], false, undefined, none],
    [
      'a hypervisor is in the VPN',
      ['hypervisor'],
      [],
      false,
      undefined,
      { ...none, wireguard: true },
    ],
    [
      'its role makes VMs',
      ['hypervisor'],
      ['hypervisor'],
      false,
      undefined,
      { ...none, wireguard: true, cloudImage: true },
    ],
    [
      'it makes none where runs boot them as they need them',
      ['hypervisor'],
      ['hypervisor'],
      true,
      undefined,
      { ...none, wireguard: true },
    ],
    [
      'it makes none where they are machines of the lab',
      ['hypervisor', 'infra-cluster'],
      ['hypervisor'],
      false,
      undefined,
      { ...none, wireguard: true },
    ],
    [
      'any role, on a hypervisor: a VM may run K3s',
      ['hypervisor'],
      undefined,
      false,
      undefined,
      { k3s: true, coredns: true, cloudImage: true, wireguard: true },
    ],
    [
      'any role, without K3s hosts',
      ['loadbalancer1'],
      undefined,
      false,
      undefined,
      { ...none, coredns: true },
    ],
    ['K3s', ['master1'], ['k3s-server'], false, undefined, { ...none, k3s: true }],
    ['the role of K3s on another host', ['postgresql1'], ['k3s-server'], false, undefined, none],
    [
      'what the lab has, it keeps',
      ['master1'],
      [],
      false,
      { k3s: true, coredns: true },
      { ...none, k3s: true, coredns: true },
    ],
    ['unless no host can use it', ['postgresql1'], [], false, { k3s: true }, none],
  ]
  for (const [title, names, roles, grows, before, expected] of cases) {
    const asked = { wanted: hostsOf(names), roles, grows, before }
    t.strictSame(programsFor(inventory, asked), expected, title)
  }
  t.end()
})

void t.test('images that machines need', t => {
  const machines = (names: readonly string[], vm = false, image = false) =>
    hostsOf(names).map(host => ({ host, vm, image }))
  const programs = { wireguard: false }
  const lab = { ...inventory.lab, packages: undefined } as Inventory['lab']
  const own = { ...lab, packages: {} } as unknown as Inventory['lab']
  for (const [title, at, given, uses, expected] of [
    ['none', lab, [], programs, { images: [], rpms: false, mirror: false }],
    [
      'Enterprise Linux',
      lab,
      machines(['loadbalancer1', 'loadbalancer2']),
      programs,
      { images: ['el9'], rpms: true, mirror: false },
    ],
    [
      'Flatcar alone needs no mirror',
      lab,
      machines(['master1']),
      programs,
      { images: ['flatcar'], rpms: false, mirror: false },
    ],
    [
      'wireguard-go comes from the mirror',
      lab,
      machines(['hypervisor']),
      { wireguard: true },
      { images: ['el9'], rpms: true, mirror: true },
    ],
    [
      'a virtual machine has its own disk',
      lab,
      machines(['loadbalancer1'], true),
      programs,
      { images: [], rpms: false, mirror: true },
    ],
    [
      'lab.images',
      lab,
      machines(['loadbalancer1'], false, true),
      programs,
      { images: [], rpms: false, mirror: false },
    ],
    [
      'lab.packages are packed in the root of the RPMs',
      own,
      machines(['master1']),
      programs,
      { images: ['flatcar'], rpms: true, mirror: true },
    ],
  ] as const)
    t.strictSame(imagesFor({ lab: at }, given, uses), expected, title)
  t.end()
})

void t.test('hosts come with the routers of their networks', t => {
  for (const [names, expected] of [
    [['loadbalancer1'], ['loadbalancer1']],
    [['postgresql1'], ['hypervisor', 'postgresql1']],
    [['hypervisor'], ['hypervisor']],
    [[], []],
  ] as const)
    t.strictSame(withRouters(inventory, names), expected, names.join(' '))
  t.end()
})

type LabOf = Pick<Before, 'chosen' | 'grows'>

const wiringOf = ({ hosts }: Asked): Omit<Before, 'chosen' | 'grows'> => {
  const { wiring } = targetOf(inventory, { name: 'needs', hosts }, undefined)
  return { wiring, dirt: [], hosts: [] }
}

void t.test('which hosts a lab has, whoever asks', t => {
  const every = 'all'
  const lb = ['loadbalancer1', 'loadbalancer2']
  const cases: readonly [string, Asked, LabOf | undefined, string | readonly string[], boolean][] =
    [
      ['fmc lab up', {}, undefined, every, false],
      ['fmc lab up HOST', { hosts: ['hypervisor'] }, undefined, ['hypervisor'], false],
      ['a run of everything', { asItIs: true }, undefined, every, false],
      ['a run with --limit', { asItIs: true, only: lb }, undefined, lb, true],
      [
        'another one',
        { asItIs: true, only: ['postgresql1'] },
        { chosen: lb, grows: true },
        ['hypervisor', ...lb, 'postgresql1'],
        true,
      ],
      ['then a run of everything', { asItIs: true }, { chosen: lb, grows: true }, every, false],
      [
        'a lab of chosen hosts stays',
        { asItIs: true, only: lb },
        { chosen: ['hypervisor'] },
        ['hypervisor'],
        false,
      ],
      ['also in a run of everything', { asItIs: true }, { chosen: lb }, lb, false],
      [
        'fmc lab up HOST adds',
        { hosts: ['hypervisor'] },
        { chosen: lb, grows: true },
        ['hypervisor', ...lb],
        true,
      ],
      ['a whole lab stays whole', { asItIs: true, only: lb }, { chosen: every }, every, false],
    ]
  for (const [title, asked, before, chosen, grows] of cases) {
    const whole = before && { ...wiringOf(asked), ...before }
    const target = targetOf(inventory, { name: 'needs', ...asked }, whole)
    t.strictSame([target.chosen, target.grows], [chosen, grows], title)
  }
  t.end()
})

void t.test('VMs of the lab’s hypervisor', t => {
  t.strictSame(madeVms(inventory, hostsOf(['hypervisor']), false), ['infra-cluster'])
  t.strictSame(madeVms(inventory, hostsOf(['hypervisor']), true), [])
  t.end()
})

void t.test(
  'a part waits for what it is made from, also if two lists of parts name that',
  async t => {
    const dir = t.testdir()
    const made: string[] = []
    const base = (): Part => ({
      what: 'the base',
      path: join(dir, 'base'),
      seconds: 1,
      make: async () => {
        await sleep(20)
        made.push('base')
      },
    })
    const top = (name: string): Part => ({
      ...{ what: name, path: join(dir, name), seconds: 1, after: [base()] },
      make: async () => {
        made.push(name)
        await Promise.resolve()
      },
    })
    await makeParts([top('one'), top('two')], () => undefined)
    t.strictSame(made, ['base', 'one', 'two'])
  },
)
