import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { files } from './helpers.ts'

const BIN = join(import.meta.dirname, '../../lib/bin.js')

/** Runs fmc in the directory of these files. */
const fmc = async (
  t: Test,
  content: Readonly<Record<string, string>>,
  ...args: readonly string[]
) => {
  const dir = dirname(files(t, content))
  return new Promise<{ code: number; stdout: string; stderr: string; dir: string }>(resolve => {
    execFile(process.execPath, [BIN, ...args], { cwd: dir }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr, dir })
    })
  })
}

const K3S = `k3s_cluster:
  children:
    server: { hosts: { 10.9.8.11: , 10.9.8.12: , 10.9.8.13: } }
    agent: { hosts: { 10.9.8.21: } }
  vars:
    ansible_user: debian
    k3s_version: v1.31.12+k3s1
    token: "hunter2!"
    api_endpoint: "{{ groups['server'][0] }}"
`

void t.test('k3s-ansible: one command to an inventory without errors and warnings', async t => {
  const { code, stderr, dir } = await fmc(
    t,
    { 'inventory.yml': K3S },
    ...['import', 'ansible', 'inventory.yml', '--os', 'debian 12', '-o', 'inventory.yaml'],
  )
  t.equal(code, 0, stderr)
  t.match(stderr, /Read as an inventory of k3s-ansible; if it is not one: --from plain/)
  t.match(stderr, /k3s_version: left out, so v[\d.]+\+k3s\d+ is installed/)
  t.notMatch(stderr + readFileSync(join(dir, 'inventory.yaml'), 'utf8'), /hunter2/)
  const linted = await new Promise<string>(resolve => {
    execFile(
      process.execPath,
      [BIN, 'lint', '-i', join(dir, 'inventory.yaml')],
      (_, stdout, stderr) => {
        resolve(stdout + stderr)
      },
    )
  })
  t.match(linted, /inventory\.yaml: no problems/)
})

void t.test('hosts without an operating system: one message, which names --os', async t => {
  const { code, stdout, stderr } = await fmc(
    t,
    { hosts: 'a ansible_host=10.0.0.1\nb ansible_host=10.0.0.2\n' },
    'import',
    'ansible',
    'hosts',
  )
  t.equal(code, 1)
  t.match(stdout, /10\.0\.0\.1/)
  t.match(stderr, /os is missing for 2 hosts\n.*--os "debian 12"/)
  t.equal(stderr.match(/os is missing/g)?.length, 1)
})

void t.test('groups and variables that mean something to fmc, and --map', async t => {
  const hosts =
    '[databases]\nmongo1 ansible_host=10.0.0.1 nfs_exports=x\n[dns]\ninfra ansible_host=10.0.0.2\n'
  const plain = await fmc(t, { hosts }, 'import', 'ansible', 'hosts', '--os', 'debian 12')
  t.equal(plain.code, 0, plain.stderr)
  for (const text of [/imported_databases:/, /imported_nfs_exports: x/, /imported-infra:/])
    t.match(plain.stdout, text)
  const mapped = await fmc(
    t,
    { hosts },
    ...[
      'import',
      'ansible',
      'hosts',
      '--os',
      'debian 12',
      '--map',
      'databases=mongo',
      '--map',
      'dns=names',
    ],
  )
  t.match(mapped.stdout, /^ {2}mongo:[^]*^ {2}names:/m)
  const wrong = await fmc(t, { hosts }, 'import', 'ansible', 'hosts', '--map', 'databases')
  t.match(wrong, { code: 1, stderr: /--map databases: expected OLD=NEW/ })
})

void t.test('stanzas for ssh, and an inventory without hosts', async t => {
  const { stderr } = await fmc(
    t,
    { hosts: `a ansible_host=10.0.0.1 ansible_ssh_common_args='-J b'\n` },
    'import',
    'ansible',
    'hosts',
    '--os',
    'debian',
  )
  t.match(stderr, /Add to ~\/\.ssh\/config:\nHost a 10\.0\.0\.1\n {4}ProxyJump b\n/)
  const none = await fmc(
    t,
    { 'hosts.ini': '# nothing\n[web]\n' },
    'import',
    'ansible',
    'hosts.ini',
    '-o',
    'inventory.yaml',
  )
  t.match(none, { code: 1, stderr: /hosts\.ini has no hosts/ })
  t.notOk(existsSync(join(none.dir, 'inventory.yaml')))
})
