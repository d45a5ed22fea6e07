import { inspect } from 'node:util'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { resolveSecrets, secretRefs } from '../../lib/inventory/secrets.ts'
import type { Inventory } from '../../lib/inventory/types.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { fileWith, small } from './helpers.ts'

const TEXT = small(
  ['all: {}', 'all: { vars: { token: !secret cluster_token } }'],
  ['  db1: {', '  db1: { vars: { roles: [{ name: app, password: !secret db_app }], plain: x },'],
)

const namesIn = (inventory: Inventory): string[] => secretRefs(inventory).map(ref => ref.name)

void t.test('names and places of the references', async t => {
  const inventory = await loadInventory(fileWith(t, TEXT))
  t.same(namesIn(inventory), ['cluster_token', 'db_app'])
  t.same(
    secretRefs(inventory).map(ref => ref.line),
    [14, 22],
  )
})

void t.test('references become secrets', async t => {
  const inventory = await loadInventory(fileWith(t, TEXT))
  const asked: string[] = []
  const resolved = resolveSecrets(inventory, ref => {
    asked.push(ref.name)
    return `text of ${ref.name}`
  })
  t.same(asked.sort(), ['cluster_token', 'db_app'], 'each is read once')
  const vars = resolved.hosts.get('db1')?.vars as {
    token: Secret
    roles: { name: string; password: Secret }[]
    plain: string
  }
  t.equal(vars.token.reveal(), 'text of cluster_token')
  t.equal(vars.roles[0]?.password.reveal(), 'text of db_app')
  t.equal(vars.roles[0]?.name, 'app')
  t.equal(vars.plain, 'x')
  t.same(namesIn(resolved), [])
  t.same(namesIn(inventory), ['cluster_token', 'db_app'], 'the first inventory is as it was')
  t.notMatch(JSON.stringify(resolved.hosts.get('db1')) + inspect(resolved, { depth: 9 }), /text of/)
})

void t.test('resolves only the given hosts', async t => {
  const inventory = await loadInventory(fileWith(t, TEXT))
  const asked: string[] = []
  resolveSecrets(
    inventory,
    ref => {
      asked.push(ref.name)
      return new Secret('x', ref.name)
    },
    new Set(['hv', 'lb1']),
  )
  t.same(asked, ['cluster_token'])
})
