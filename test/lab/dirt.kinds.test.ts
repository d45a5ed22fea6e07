import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { DIRT } from '../../lib/inventory/dirt.ts'
import { demandVms, dirtOf, notForContainers, type Soiled } from '../../lib/lab/dirt.ts'
import { labFiles } from '../../lib/lab/paths.ts'
import { targetOf } from '../../lib/lab/target.ts'
import { run } from '../rig/lab.ts'

const INVENTORY = `timezone: UTC
domain: dirty.internal
lab:
  dirt:
    web: [clock-ahead, login-shell]
    flat: [login-shell, full-var]
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
groups:
  web: { hosts: [web1, web2] }
hosts:
  web1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.11 }] }
  web2: { os: debian 13, nics: [{ network: lan, address: 192.168.0.12 }] }
  flat: { os: flatcar, nics: [{ network: lan, address: 192.168.0.13 }] }
`
const [web1, web2, flat]: readonly [Soiled, Soiled, Soiled] = [
  { name: 'web1', personality: 'debian', vm: false },
  { name: 'web2', personality: 'debian13', vm: false },
  { name: 'flat', personality: 'flatcar', vm: false },
]
const asVm = (host: Soiled): Soiled => ({ ...host, vm: true })

void t.test('who gets which dirt', async t => {
  const file = join(t.testdir({}), 'inventory.yaml')
  writeFileSync(file, INVENTORY)
  const inventory = await loadInventory(file, { cache: false })
  const rows: [Soiled, everywhere: Parameters<typeof dirtOf>[1], string][] = [
    [web1, [], 'login-shell'],
    [asVm(web1), [], 'clock-ahead login-shell'],
    [web2, ['port-53'], 'login-shell port-53'],
    [flat, ['port-53', 'clock-ahead'], 'full-var'],
    [asVm(flat), ['port-53', 'clock-ahead'], 'clock-ahead full-var'],
  ]
  for (const [host, everywhere, expected] of rows)
    t.equal(dirtOf(inventory, everywhere, host).join(' '), expected, JSON.stringify(host))

  t.strictSame(notForContainers(inventory, [web1, web2, flat]), [
    "lab.dirt: web1,web2 cannot have clock-ahead, as a container has this machine's kernel: fmc lab up --vm web1,web2",
  ])
  t.strictSame(notForContainers(inventory, [asVm(web1), asVm(web2), flat]), [])

  t.throws(() => demandVms(['port-53', 'clock-ahead'], [web1, flat]), {
    name: 'UsageError',
    message:
      "no host can have the dirt clock-ahead: the clock is an hour ahead only in a virtual machine, as a container has this machine's kernel",
    hint: 'fmc lab up --vm web1 --dirt clock-ahead',
  })
  t.doesNotThrow(() => demandVms(['clock-ahead'], [web1, asVm(flat)]))
  t.doesNotThrow(() => demandVms(['port-53', 'full-var'], [flat]))

  const target = (vm: readonly string[]) =>
    targetOf(inventory, { name: 'dirty', vm, dirt: ['clock-ahead'] }, undefined)
  t.throws(() => target([]), /no host can have the dirt clock-ahead/, 'before anything is made')
  t.strictSame(
    target(['web2']).recipes.map(r => r.dirt ?? []),
    [['login-shell'], ['clock-ahead', 'login-shell'], ['full-var']],
  )
})

void t.test('each kind has a script that a shell can read', async t => {
  const dir = join(labFiles(), 'dirt')
  const files = [...new Set(DIRT.map(name => `${name.replace(/^(port)-\d+$/, '$1')}.sh`))]
  t.strictSame(readdirSync(dir).sort(), files.sort())
  for (const file of files) t.equal((await run(['sh', '-n', join(dir, file)])).code, 0, file)
})
