import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lint } from '../../lib/inventory/lint.ts'
import { ROOT, run } from '../rig/lab.ts'

const fmc = (cwd: string, ...args: string[]) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd })

const HOSTS = `[web]
web1 ansible_host=10.9.8.1 ansible_become_pass=hunter2
[web:vars]
motd={{ greeting }}
db_password=hunter3
`

void t.test('to stdout, with the report on stderr; the result passes fmc lint', async t => {
  const dir = t.testdir({ 'hosts.ini': HOSTS })
  const { code, stdout, stderr } = await fmc(
    ...[dir, 'import', 'ansible', 'hosts.ini', '--os', 'debian 12'],
  )
  t.equal(code, 0, stderr)
  t.match(stderr, /^hosts\.ini:2: ansible_become_password: /m)
  t.match(stderr, /^hosts\.ini:4: motd: a Jinja expression/m)
  t.match(stderr, /^hosts\.ini: 1 host, 1 group; \d+ remarks$/m)
  t.match(stdout, /^ {4}nics:\n {6}- \{ network: lan, address: 10\.9\.8\.1 \}$/m)
  t.match(stdout, /^ {6}db_password: !secret db_password$/m)
  t.notMatch(stdout + stderr, /hunter|greeting/)
  const file = join(dir, 'inventory.yaml')
  writeFileSync(file, stdout)
  t.same(await lint(file), [])
})

void t.test(
  'to a file, which is overwritten only with --force; exit code 1 when something is missing',
  async t => {
    const dir = t.testdir({ 'hosts.ini': HOSTS, 'inventory.yaml': 'mine\n' })
    const target = join(dir, 'inventory.yaml')
    const refused = await fmc(dir, 'import', 'ansible', 'hosts.ini', '-o', target)
    t.equal(refused.code, 1)
    t.match(refused.stderr, /inventory\.yaml already exists\n {2}name another file, or add --force/)
    t.equal(readFileSync(target, 'utf8'), 'mine\n')

    const forced = await fmc(dir, 'import', 'ansible', 'hosts.ini', '-o', target, '--force')
    t.equal(forced.code, 1)
    t.equal(forced.stdout, '')
    t.match(
      forced.stderr,
      /Still missing in the result:\n.*inventory\.yaml:\d+:\d+: error: os is missing/,
    )
    t.match(readFileSync(target, 'utf8'), /Made from hosts\.ini/)
  },
)

void t.test('an unknown tool', async t => {
  const { code, stderr } = await fmc(t.testdir({}), 'import', 'puppet', 'x')
  t.equal(code, 1)
  t.match(stderr, /fmc cannot import from puppet/)
})
