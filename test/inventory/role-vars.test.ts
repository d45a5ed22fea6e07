import t from 'tap'
import { z } from 'zod'
import { lint, type RoleVarsInfo } from '../../lib/inventory/lint.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { requireRoleVars } from '../../lib/inventory/role-vars.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { fileWith, marked, small } from './helpers.ts'

const nfs = (...hosts: string[]): RoleVarsInfo => ({
  role: 'nfs',
  hosts,
  vars: z.object({
    nfs_exports: z
      .array(z.strictObject({ path: z.string(), mode: z.string().optional() }))
      .describe('Directories to serve'),
    nfs_threads: z.int().min(1).default(8),
    nfs_password: z.instanceof(Secret).optional(),
    nfs_motto: z.instanceof(Secret).describe('Described').optional(),
    nfs_odd: z
      .custom(value => value === 1)
      .describe('Says nothing itself')
      .optional(),
    nfs_owner: z.union([z.string(), z.int()]).optional(),
  }),
})

type Row = readonly [
  title: string,
  replacement: readonly [from: string, to: string],
  hosts: readonly string[],
  message: string,
  hint?: RegExp,
]
const exports = (more: string): readonly [string, string] => [
  'all: {}',
  `all: { vars: { nfs_exports: [{ path: /srv }], ${more} } }`,
]
const ROWS: readonly Row[] = [
  [
    'missing on a host',
    ['  db1: {', '  ‸db1: {'],
    ['db1'],
    'role nfs: nfs_exports is missing (db1)',
    /under vars: .*expected a list: Directories to serve/,
  ],
  [
    'missing on all of a group',
    ['  lb: {', '  ‸lb: {'],
    ['lb1', 'lb2'],
    'role nfs: nfs_exports is missing (lb1, lb2)',
  ],
  [
    'missing on some',
    ['  lb1: {', '  ‸lb1: {'],
    ['lb1', 'db1'],
    'role nfs: nfs_exports is missing (lb1, db1)',
  ],
  [
    'wrong type, for all hosts at once',
    exports('nfs_threads: ‸many'),
    ['lb1', 'lb2', 'db1'],
    'role nfs: nfs_threads: expected a number, got "many" (lb1, lb2, db1)',
  ],
  [
    'too small',
    exports('nfs_threads: ‸0'),
    ['db1'],
    'role nfs: nfs_threads: expected at least 1, got 0 (db1)',
  ],
  [
    'inside of a list',
    ['all: {}', 'all: { vars: { nfs_exports: [{ path: ‸5 }] } }'],
    ['db1'],
    'role nfs: nfs_exports[0].path: expected a text, got 5 (db1)',
    /put it in quotes: "5"/,
  ],
  [
    'missing inside',
    ['all: {}', 'all: { vars: { nfs_exports: [‸{ mode: "0755" }] } }'],
    ['db1'],
    'role nfs: path is missing (db1)',
  ],
  [
    'unknown key inside',
    ['all: {}', 'all: { vars: { nfs_exports: [{ path: /srv, ‸moed: "1" }] } }'],
    ['db1'],
    'role nfs: unknown key moed (db1)',
    /did you mean mode\?/,
  ],
  [
    'several types',
    exports('nfs_owner: ‸[]'),
    ['db1'],
    'role nfs: nfs_owner: expected a text or a number, got a list (db1)',
  ],
  [
    'a password in the open is not printed',
    exports('nfs_password: ‸hunter2'),
    ['db1'],
    'role nfs: nfs_password: expected a secret (!secret name), got a text (db1)',
  ],
  [
    'a text where a described secret belongs is not printed, whatever its name',
    exports('nfs_motto: ‸hunter2'),
    ['db1'],
    'role nfs: nfs_motto: expected a secret (!secret name), got a text (db1)',
  ],
  [
    'a value is not printed where the schema does not say what it expects: it may be a secret',
    exports('nfs_odd: ‸hunter2'),
    ['db1'],
    'role nfs: nfs_odd: expected another value, got a text (db1)',
  ],
  [
    'the layer that wins',
    ['  db1: {', '  db1: { vars: { nfs_exports: ‸1 },'],
    ['db1'],
    'role nfs: nfs_exports: expected a list, got 1 (db1)',
  ],
]
for (const [title, replacement, hosts, message, hint] of ROWS)
  void t.test(title, async t => {
    const { text, line, column } = marked(small(replacement))
    const file = fileWith(t, text)
    const problems = await lint(file, { roles: [nfs(...hosts)] })
    t.equal(problems.length, 1)
    t.match(problems[0], { severity: 'error', message, line, column })
    if (hint !== undefined) t.match(problems[0]?.hint, hint)
    const inventory = await loadInventory(file)
    await t.rejects(requireRoleVars(inventory, [nfs(...hosts)]), {
      name: 'UsageError',
      message: `${file}:${line}:${column}: error: ${message}`,
    })
  })

void t.test('warns of variables that no role has', async t => {
  const { text, line, column } = marked(small(exports('‸nfs_thread: 4')))
  const [problem, ...others] = await lint(fileWith(t, text), { roles: [nfs('db1')] })
  t.same(others, [])
  t.match(problem, { severity: 'warning', line, column })
  t.match(problem, {
    message: 'no role has a variable nfs_thread',
    hint: 'did you mean nfs_threads?',
  })
  const [far] = await lint(fileWith(t, small(exports('airgap_dir: /x'))), { roles: [nfs('db1')] })
  t.match(far, {
    message: 'no role has a variable airgap_dir',
    hint: /^nothing reads it: remove it, or declare it/,
  })
})

void t.test('no problems: defaults, unread secrets, hosts without the role', async t => {
  const file = fileWith(t, small(exports('nfs_password: !secret nfs')))
  t.same(await lint(file, { roles: [nfs('db1')] }), [])
  await requireRoleVars(await loadInventory(file), [nfs('db1')])
  t.same(await lint(fileWith(t, small()), { roles: () => [nfs()] }), [])
  t.same(await lint(fileWith(t, small(exports('x: 1')))), [], 'without roles, nothing to say')
})

void t.test('a check that needs the text of a secret is skipped until it is known', async t => {
  const vars = z.object({ pw: z.instanceof(Secret).refine(secret => secret.reveal().length > 3) })
  const file = fileWith(t, small(['all: {}', 'all: { vars: { pw: !secret pw } }']))
  t.same(await lint(file, { roles: [{ role: 'r', hosts: ['hv'], vars }] }), [])
})

void t.test('a wrong -e is reported at -e and not in the file', async t => {
  const file = fileWith(t, small(exports('nfs_threads: 4')))
  const inventory = await loadInventory(file, { extraVars: { nfs_threads: 'x' } })
  await t.rejects(requireRoleVars(inventory, [nfs('db1')]), {
    message: '-e: error: role nfs: nfs_threads: expected a number, got a text (db1)',
  })
})

void t.test('advice of roles appears once for all hosts that share it', async t => {
  const advised: RoleVarsInfo = {
    ...nfs('lb1', 'lb2', 'db1'),
    advise: ({ vars, hosts }) =>
      (vars as { nfs_threads: number }).nfs_threads > hosts('lb').length
        ? [{ variable: 'nfs_threads', message: 'too many', hint: 'fewer' }]
        : [],
  }
  const found = (text: string) => lint(fileWith(t, text), { roles: [advised] })
  const { text, line, column } = marked(small(exports('‸nfs_threads: 3')))
  const problems = await found(text)
  t.match(problems, [
    { severity: 'warning', message: 'role nfs: too many', hint: 'fewer', line, column },
  ])
  t.equal(problems.length, 1)
  t.strictSame(await found(small(exports('nfs_threads: 2'))), [])
  const wrong = await found(small(exports('nfs_threads: 3, nfs_owner: []')))
  t.strictSame(wrong.length, 1, 'not from variables that are wrong')
})
