// Tools that a variable or a file in root's home could send elsewhere are told whom to ask.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { checkScript } from '../../roles/haproxy-keepalived/templates.ts'
import type { BalancerVars } from '../../roles/haproxy-keepalived/vars.ts'
import { query } from '../../roles/postgresql/sql.ts'
import type { Platform } from '../../roles/postgresql/platform.ts'
import { KUBECTL_TEXT } from '../../roles/shared/k3s/platform.ts'
import { OWN_CURL } from '../../roles/shared/curl.ts'

/** Calls without what keeps the tool from its own files; comments and advice for people are no calls. */
const CALLS: Readonly<Record<string, RegExp>> = {
  curl: /\bcurl (?!-q )(-|"|\$|http)/,
  dig: /\bdig (?!-r )[@+-]/,
  kubectl: /(`|\d |&& |\$\(|')k3s kubectl [a-z-]/,
  psql: /\bpsql (?!-X)-/,
  virsh: /\bvirsh (?!-q -c )-/,
}
const isText = (line: string): boolean => /^\s*(\*|\/\/|\/\*)|hint|: k3s kubectl/.test(line)

void t.test('no call of such a tool leaves it open', t => {
  const sources = readdirSync('roles', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join('roles', name))
  for (const [tool, open] of Object.entries(CALLS)) {
    const found = sources.flatMap(file =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, i) =>
          open.test(line) && !isText(line) ? [`${file}:${i + 1}: ${line}`] : [],
        ),
    )
    t.same(found, [], tool)
  }
  t.match('code=$(curl -sk "$s")', CALLS['curl'], 'the patterns find such a call')
  t.match('probe`k3s kubectl get nodes`', CALLS['kubectl'])
  t.match(KUBECTL_TEXT, /--kubeconfig \/etc\/rancher\/k3s\/k3s\.yaml$/)
  t.end()
})

void t.test('curl asks loopback itself, whatever ~/.curlrc and the environment say', async t => {
  const home = t.testdir({ '.curlrc': 'proxy = http://127.0.0.1:9\n' })
  const server = createServer((_, answer) => answer.end('ok')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    http_proxy: 'http://127.0.0.1:9',
    ALL_PROXY: 'http://127.0.0.1:9',
  }
  const code = (script: string) =>
    new Promise(resolve =>
      spawn('/bin/sh', ['-c', script], { env, stdio: 'ignore' }).once('close', resolve),
    )
  const check = checkScript({ haproxy_health_port: port } as BalancerVars)
  t.equal(await code(check), 0, 'keepalived’s check')
  t.equal(await code(`${OWN_CURL} -fsS -o /dev/null http://127.0.0.1:${port}/`), 0)
  t.not(
    await code(`curl -fsS -o /dev/null http://127.0.0.1:${port}/`),
    0,
    'a plain curl asks the proxy',
  )
})

void t.test('psql gets nothing of the environment, and the server of the pid file', t => {
  const dir = t.testdir()
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  const stub = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  stub('setpriv', 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
  stub('psql', 'env; echo "args $*"')
  writeFileSync(join(dir, 'postmaster.pid'), '1\n2\n3\n5433\n/run/pg\n')
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', query({ bin, data: dir } as Platform, 'select 1')],
    {
      encoding: 'utf8',
      env: {
        PATH: `${bin}:/usr/bin:/bin`,
        PGUSER: 'x',
        PGSERVICE: 'x',
        PGOPTIONS: '-c x=y',
        PGSSLMODE: 'require',
        HOME: '/root',
      },
    },
  )
  t.equal(stderr, '')
  t.match(stdout, / -U postgres .* -h \/run\/pg -p 5433 -d postgres -c select 1\n$/)
  t.same(stdout.match(/^(PG\w+|HOME)=.*$/gm), ['PGCONNECT_TIMEOUT=5'])
  t.end()
})
