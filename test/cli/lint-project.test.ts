// fmc lint in projects of others: which playbooks it checks, and what it says about their code.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const HOSTS = `timezone: Europe/Madrid
domain: example.org
networks:
  lan: { cidr: 10.9.8.0/24, mode: bridge }
hosts:
  web1: { os: debian 12, nics: [{ network: lan, address: 10.9.8.1 }] }
  web2: { os: debian 12, nics: [{ network: lan, address: 10.9.8.2 }] }
groups:
  web: { hosts: [web1, web2] }
`

const role = (name: string, body = '') => `import { role, z } from '${ROOT}/lib/index.ts'
export default role({
  name: '${name}',
  summary: 'Greets',
  vars: z.object({ ${name}_text: z.string() }),
  async tasks() {${body}},
})
`

const book = (
  name: string,
  hosts: string,
  of: string,
) => `import { play, playbook } from '${ROOT}/lib/index.ts'
import ${of} from '../roles/${of}/index.ts'
export default playbook('${name}', [play('Greeting', { hosts: '${hosts}', roles: [${of}] })])
`

/** A project of these files. Their directory is like one of a user: it belongs to who runs the test. */
function project(t: Test, files: Readonly<Record<string, string>>): string {
  const dir = t.testdir({})
  for (const [name, text] of Object.entries({ 'inventory.yaml': HOSTS, ...files })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

const lint = (cwd: string, ...args: string[]) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), 'lint', ...args], { cwd })

void t.test('an inventory without the groups of fmc’s site, and without playbooks', async t => {
  const { code, stdout, stderr } = await lint(project(t, {}))
  t.same({ code, stdout, stderr }, { code: 0, stdout: 'inventory.yaml: no problems\n', stderr: '' })
})

void t.test('a group of fmc’s site with a typing error', async t => {
  const { code, stdout } = await lint(
    project(t, { 'inventory.yaml': HOSTS.replace('  web:', '  loadbalancer:') }),
  )
  t.equal(code, 0)
  t.match(stdout, /^inventory\.yaml:9:3: warning: no play runs on the group loadbalancer/)
  t.match(stdout, /\n {2}did you mean loadbalancers\?\n/)
})

void t.test(
  'own playbooks are checked; fmc’s site is not if the inventory does not use it',
  async t => {
    const files = {
      'inventory.yaml': HOSTS.replace('  web:', '  k3s_agents:'),
      'roles/motd/index.ts': role('motd'),
      'playbooks/greet.ts': book('greet', 'k3s_agents', 'motd'),
    }
    const first = await lint(project(t, files))
    t.equal(first.code, 0, 'what an operation needs may come with -e')
    t.match(
      first.stdout,
      /^inventory\.yaml:9:3: warning: role motd: motd_text is missing \(web1, web2\)\n.*\n.* 0 errors, 1 warning\n$/,
    )
    const named = await lint(project(t, files), '--playbook', 'greet')
    t.equal(named.code, 1)
    t.match(named.stdout, /:9:3: error: role motd: motd_text is missing/)
    const site = await lint(project(t, files), '--playbook', 'site')
    t.equal(site.code, 1)
    t.match(site.stdout, /error: role k3s-agent: k3s_agent_token is missing/)

    const used = await lint(
      project(t, {
        ...files,
        'inventory.yaml': files['inventory.yaml'].replace(
          '[web1, web2] }',
          '[web1, web2], vars: { motd_text: hello, k3s_version: v1.36.3+k3s1 } }',
        ),
      }),
    )
    t.match(
      used.stdout,
      /error: role k3s-agent: k3s_agent_token is missing/,
      'it sets a variable of site',
    )
  },
)

void t.test('an own site takes the place of fmc’s, and needs its variables', async t => {
  const files = {
    'roles/motd/index.ts': role('motd'),
    'playbooks/site.ts': book('site', 'webs', 'motd'),
  }
  const { code, stdout } = await lint(project(t, files))
  t.equal(code, 0)
  t.match(
    stdout,
    /playbooks\/site\.ts:3:60: warning: the inventory has no group or host webs: fmc skips it in the play Greeting\n {2}did you mean web\?/,
  )
  const strict = await lint(project(t, files), '--strict')
  t.equal(strict.code, 1, 'with --strict a warning fails')

  const fixed = await lint(
    project(t, { ...files, 'playbooks/site.ts': book('site', 'web', 'motd') }),
  )
  t.equal(fixed.code, 1)
  t.match(fixed.stdout, /:9:3: error: role motd: motd_text is missing \(web1, web2\)/)
})

void t.test('code that cannot be compiled or loaded, with its place', async t => {
  const { code, stdout } = await lint(
    project(t, {
      'roles/motd/index.ts': role('motd', ' if ( '),
      'roles/late/index.ts': `throw new Error('too late')\n`,
      'playbooks/greet.ts': `import nothing from './nothing.ts'\nexport default nothing\n`,
      'playbooks/none.ts': 'export default 1\n',
    }),
  )
  t.equal(code, 1)
  t.match(stdout, /roles\/motd\/index\.ts:6:\d+: error: Unexpected/)
  t.match(stdout, /roles\/late\/index\.ts:1:\d+: error: .*too late/)
  t.match(stdout, /playbooks\/greet\.ts:1:21: error: Could not resolve "\.\/nothing\.ts"/)
  t.match(stdout, /playbooks\/none\.ts:1:1: error: its default export is not a playbook/)
  t.match(stdout, /inventory\.yaml: 4 errors, 0 warnings\n$/)
})

void t.test(
  'a play without its group is skipped with a note; a typing error on the command line is not',
  async t => {
    const dir = project(t, {
      'roles/motd/index.ts': role('motd'),
      'playbooks/greet.ts': book('greet', 'webs', 'motd'),
    })
    const fmc = (...args: string[]) =>
      run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd: dir })
    const only = await fmc('play', 'greet', '--dry-run')
    t.equal(only.code, 1)
    t.match(
      only.stderr,
      /nothing to do: the inventory has no group webs, on which the plays Greeting run/,
    )
    const typed = await fmc('role', 'motd', 'web,webs', '--dry-run')
    t.equal(typed.code, 1)
    t.match(typed.stderr, /no host or group is called webs/)
  },
)

void t.test('what the roles of fmc’s site need: pins, VIPs and images', async t => {
  const { code, stdout } = await lint(
    project(t, {
      'inventory.yaml': HOSTS.replace(
        '  web:',
        `  k3s_servers:
    hosts: [web1]
    vars:
      k3s_token: !secret k3s_token
      k3s_agent_token: !secret k3s_agent_token
      k3s_version: v1.20.0+k3s1
      traefik_vip: webb
  hypervisors: { hosts: [web2] }
  web:`,
      ).replace('web1: { os: debian 12,', 'web1: { os: ubuntu 24.04, vm_on: web2,'),
    }),
  )
  t.equal(code, 1)
  t.match(
    stdout,
    /inventory\.yaml:14:7: error: role k3s-server: k3s v1\.20\.0\+k3s1 is not pinned\n {2}leave the version out, or write into the inventory, with the sha256/,
  )
  t.match(stdout, /inventory\.yaml:15:7: error: role traefik: the inventory has no VIP webb\n/)
  t.match(
    stdout,
    /inventory\.yaml:6:15: warning: role hypervisor: there is no image of ubuntu 24\.04 to create web1 from\n/,
  )
})

void t.test('a secret that the secrets file lacks, and one file that cannot be opened', async t => {
  const dir = project(t, {
    'inventory.yaml': `${HOSTS}all:\n  vars: { motd_text: !secret motd_txt }\n`,
  })
  const env = { HOME: dir }
  const fmc = (args: readonly string[], input = '') =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd: dir, env, input })
  t.equal((await fmc(['secrets', 'init'])).code, 0)
  t.equal((await fmc(['secrets', 'set', 'motd_text'], 'hello')).code, 0)
  const { code, stdout } = await fmc(['lint'])
  t.equal(code, 1)
  t.match(
    stdout,
    /^inventory\.yaml:\d+:\d+: error: .*secrets\.age has no secret motd_txt\n {2}did you mean motd_text\? else: fmc secrets set motd_txt\n/m,
  )
  t.equal((await fmc(['secrets', 'set', 'motd_txt'], 'hello')).code, 0)
  t.notMatch((await fmc(['lint'])).stdout, /has no secret/)

  rmSync(join(dir, '.config'), { recursive: true })
  const closed = await fmc(['lint'])
  t.equal(closed.code, 0, 'a file that this user cannot open is no error')
  t.match(closed.stderr, /the names of secrets were not checked/)
})

void t.test('a variable of a host on which its role does not run', async t => {
  const { code, stdout } = await lint(
    project(t, {
      'inventory.yaml': HOSTS.replace(
        'hosts: [web1, web2]',
        'hosts: [web1], vars: { motd_text: hi }',
      )
        .replace('address: 10.9.8.2 }] }', 'address: 10.9.8.2 }], vars: { motd_text: ho } }')
        .concat('  rest: { hosts: [web2] }\n'),
      'roles/motd/index.ts': role('motd'),
      'playbooks/site.ts': book('site', 'web', 'motd'),
    }),
  )
  t.equal(code, 0)
  t.match(stdout, /^inventory\.yaml:7:\d+: warning: .*motd_text.*\n.*web1/m)
})
