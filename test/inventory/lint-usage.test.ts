import t from 'tap'
import { z } from 'zod'
import type { Usage } from '../../lib/inventory/check-usage.ts'
import { lint, type RoleVarsInfo } from '../../lib/inventory/lint.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { platformOf } from '../../lib/inventory/platform.ts'
import { secretUses } from '../../lib/inventory/secrets.ts'
import { fileWith, marked, small } from './helpers.ts'

const app = (hosts: readonly string[], more: Partial<RoleVarsInfo> = {}): RoleVarsInfo => ({
  role: 'app',
  hosts: [...hosts],
  vars: z.object({ app_port: z.int().optional(), peers: z.array(z.string()).optional() }),
  ...more,
})
const usage = (more: Partial<Usage> = {}): Usage => ({
  roles: [],
  elsewhere: new Map(),
  played: new Set(['hv', 'lb1', 'lb2', 'db1']),
  missingGroups: [],
  playedGroups: new Set(),
  ...more,
})

interface Row {
  readonly what: string
  /** Replaces a part of the inventory; ‸ is the place of the problem. */
  readonly from: string
  readonly to: string
  readonly roles?: readonly RoleVarsInfo[]
  readonly usage?: Partial<Usage>
  readonly message?: string
  readonly hint?: string
}
const DB1 = '  db1: {'
const ROWS: readonly Row[] = [
  {
    what: 'a host that nothing names',
    from: DB1,
    to: `  ‸extra: { os: debian 12, nics: [{ network: lan, address: 192.168.0.50 }] }\n${DB1}`,
    message: 'extra is in no group, and no play names it',
    hint: 'add it to a group: groups: { NAME: { hosts: [extra] } }',
  },
  {
    what: 'a host that a variable names',
    from: DB1,
    to: `  extra: { os: debian 12, nics: [{ network: lan, address: 192.168.0.50 }], vars: { peers: [extra] } }\n${DB1}`,
    roles: [app(['extra'])],
  },
  {
    what: 'a host that a play names',
    from: DB1,
    to: `  extra: { os: debian 12, nics: [{ network: lan, address: 192.168.0.50 }] }\n${DB1}`,
    usage: { played: new Set(['extra']) },
  },
  {
    what: 'a misspelt group',
    from: '  db: {',
    to: '  ‸k3s_server: { hosts: [lb1] }\n  db: {',
    usage: { missingGroups: ['k3s_servers'] },
    message: 'no play runs on the group k3s_server; the playbook site has plays for k3s_servers',
    hint: 'did you mean k3s_servers?',
  },
  {
    what: 'a group with such a name that a play runs on',
    from: '  db: {',
    to: '  k3s_server: { hosts: [lb1] }\n  db: {',
    usage: { missingGroups: ['k3s_servers'], playedGroups: new Set(['k3s_server']) },
  },
  {
    what: 'a variable where its role does not run',
    from: DB1,
    to: `${DB1} vars: { ‸app_port: 1 },`,
    roles: [app(['lb1', 'lb2'])],
    usage: { elsewhere: new Map([['app', new Set(['lb1'])]]) },
    message: 'app_port has no effect on db1: the role app does not run there',
    hint: 'it runs on lb1, lb2',
  },
  {
    what: 'a variable of a group, for two roles that run nowhere',
    from: 'lb: { hosts: [lb1, lb2] }',
    to: 'lb: { hosts: [lb1, lb2], vars: { ‸app_port: 1 } }',
    roles: [app([], { planned: true }), app([], { role: 'other', planned: true })],
    message: 'app_port has no effect on lb1, lb2: the roles app, other do not run there',
    hint: 'no host runs them: no play of it has hosts here',
  },
  {
    what: 'a variable that another playbook reads there',
    from: DB1,
    to: `${DB1} vars: { app_port: 1 },`,
    roles: [app(['lb1'])],
    usage: { elsewhere: new Map([['app', new Set(['db1'])]]) },
  },
  {
    what: 'a variable of all hosts',
    from: 'all: {}',
    to: 'all: { vars: { app_port: 1 } }',
    roles: [app(['lb1'], { planned: true })],
  },
  {
    what: 'a role that does not support the system',
    from: DB1,
    to: `${DB1} `,
    roles: [app(['lb1', 'db1'], { platforms: { debian: {} } })],
    message: 'role app is not supported on almalinux 9.5 (db1); supported: debian',
    hint: 'its platforms have no row el',
  },
]

void t.test('hosts, groups, variables and systems without a use', async t => {
  for (const row of ROWS)
    await t.test(row.what, async t => {
      const place = row.to.includes('‸') ? marked(small([row.from, row.to])) : undefined
      const file = fileWith(t, place?.text ?? small([row.from, row.to]))
      const roles = row.roles ?? []
      const found = await lint(file, { roles, usage: () => usage({ roles, ...row.usage }) })
      const { message, hint } = row
      t.same(
        found.map(p => ({ message: p.message, hint: p.hint })),
        message === undefined ? [] : [{ message, hint }],
      )
      if (place) t.match(found[0], { line: place.line, column: place.column })
    })
})

const SECRETS = small(
  ['all: {}', 'all: { vars: { token: !secret cluster_token } }'],
  [DB1, `${DB1} vars: { roles: [{ password: !secret ‸db_pas }, { password: !secret other }] },`],
)

void t.test('a secret that the secrets file does not have', async t => {
  const { text, line } = marked(SECRETS)
  const file = fileWith(t, text)
  const names = new Set(['cluster_token', 'db_pass'])
  const found = await lint(file, { secretNames: () => Promise.resolve(names) })
  t.match(found, [
    {
      severity: 'error',
      rule: 'secret',
      line,
      message: 'secrets.age has no secret db_pas',
      hint: 'did you mean db_pass? else: fmc secrets set db_pas',
    },
    { message: 'secrets.age has no secret other', hint: 'fmc secrets set other' },
  ])
  t.equal(found.length, 2)
  t.same(await lint(file, { secretNames: () => Promise.resolve(undefined) }), [], 'not readable')
  let asked = 0
  const none = () => (asked++, Promise.resolve(new Set<string>()))
  t.same(await lint(fileWith(t, small()), { secretNames: none }), [])
  t.equal(asked, 0, 'without a reference nobody opens the file')
})

void t.test('who uses which secret', async t => {
  const { text } = marked(SECRETS)
  const uses = secretUses(await loadInventory(fileWith(t, text)))
  t.match(uses, [
    { name: 'cluster_token', variable: 'token', hosts: ['hv', 'lb1', 'lb2', 'db1'] },
    { name: 'db_pas', variable: 'roles', hosts: ['db1'] },
    { name: 'other', variable: 'roles', hosts: ['db1'] },
  ])
  t.match(uses[0]?.where, /inventory\.yaml:\d+$/)
})

void t.test("the host's row of a role's table", async t => {
  const { hosts } = await loadInventory(fileWith(t, small()))
  const [lb1, db1] = [hosts.get('lb1'), hosts.get('db1')]
  if (!lb1 || !db1) throw new Error('the fixture has these hosts')
  const platforms = { debian: { unit: 'chrony' } }
  t.same(platformOf('app', platforms, lb1), { unit: 'chrony' })
  t.throws(() => platformOf('app', platforms, db1), {
    name: 'TaskError',
    message: 'role app is not supported on almalinux 9.5 (db1); supported: debian',
  })
  t.end()
})
