// Planned restarts of servers behind a balancer, with the whole engine in this process; haproxy is a script.
import t, { type Test } from 'tap'
import { $, host } from '../../lib/index.ts'
import remove from '../../roles/remove/index.ts'
import { notBack, outOfPool } from '../../roles/shared/balancers.ts'
import { parseStatuses } from '../../roles/shared/haproxy-admin.ts'
import { Hosts, one, tasks } from '../engine/hosts.ts'
import { until } from '../rig/until.ts'

const GROUPS = `
vips:
  api: { address: 10.0.0.9, network: lan, vrid: 51, ports: [6443], backends: k3s_servers, check: k3s, balancers: loadbalancers }
  web: { address: 10.0.0.8, network: lan, vrid: 52, ports: [80, 443], backends: a, balancers: b }
groups:
  k3s_servers: { hosts: [a] }
  loadbalancers: { hosts: [b, c], vars: { haproxy_check_seconds: 1 } }
`
const SOCKET = '/run/haproxy-fmc.sock'
const row = (backend: string, server: string, status: string): string =>
  [backend, server, ...Array<string>(15).fill('0'), status, '1'].join(',')

/** A balancer whose haproxy tells these states, and does what it is told. */
function haproxy(
  hosts: Hosts,
  name: string,
  states: Readonly<Record<string, string>>,
  outcome = 'DONE',
  others = 'UP',
  drained: 'DRAIN' | 'DOWN' | 'no answer' = 'DRAIN',
): void {
  hosts.write(name, SOCKET, '')
  hosts.write(
    name,
    '/srv/csv',
    `# pxname,svname\n${Object.entries(states)
      .map(
        ([backend, status]) => `${row(backend, 'a', status)}\n${row(backend, 'other', others)}\n`,
      )
      .join('')}`,
  )
  hosts.program(
    name,
    'curl',
    `case "$*" in
  *csv*) [ ! -e /srv/mute ] || exit 28; echo x >>/srv/looks; cat /srv/csv ;;
  *action=*)
    echo "$*" | grep -o 's=.*action=[a-z]*' >>/srv/asked
    b=$(echo "$*" | sed 's/.* b=\\([^ ]*\\).*/\\1/')
    case "$*" in *drain*) to=${drained === 'DOWN' ? 'DOWN' : 'DRAIN'}; ${drained === 'no answer' ? '>/srv/mute' : ':'} ;; *) to=UP ;; esac
    [ ${outcome} != DONE ] || sed -i "/^$b,a,/s/\\(UP\\|DRAIN\\|DOWN 1.2\\),1$/$to,1/" /srv/csv
    printf 'http://haproxy/;st=${outcome}' ;;
esac`,
  )
}

/** Restarts host a, which its balancers must know. */
const restarts = (reach: 'k3s' | 'machine', work = 'echo restart >>/srv/log') =>
  one(
    tasks(() =>
      outOfPool(host(), reach, true, async () => {
        await $`sh -c ${work}`
      }),
    ),
    { hosts: 'a' },
  )
const returns = one(
  tasks(() => outOfPool(host(), 'k3s', false, () => Promise.resolve())),
  { hosts: 'a' },
)

const cluster = (t: Test): Hosts => {
  const hosts = new Hosts(t, {}, GROUPS)
  hosts.program('a', 'true', '')
  return hosts
}
const asked = (hosts: Hosts, name: string): string[] =>
  (hosts.read(name, '/srv/asked') ?? '').split('\n').filter(Boolean)

void t.test('a planned restart: no connections before it, and again after it', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'UP', web_80: 'UP', web_443: 'UP' })
  haproxy(hosts, 'c', { api_6443: 'UP' })
  const planned = await hosts.run([restarts('k3s')], { dryRun: true })
  const ran = await hosts.run([restarts('k3s')])
  t.equal(ran.code, 2, 'the restart itself is no task that can be checked again')
  t.strictSame(ran.changed.slice(0, 5), [
    'b no new connections to a',
    'c no new connections to a',
    ran.changed[2],
    'b connections again to a',
    'c connections again to a',
  ])
  t.strictSame(planned.changed, ran.changed.slice(0, 5), 'as predicted')
  for (const name of ['b', 'c'])
    t.strictSame(asked(hosts, name), [
      's=a --data-urlencode b=api_6443 -d action=drain',
      's=a --data-urlencode b=api_6443 -d action=ready',
    ])
})

void t.test(
  'a whole machine leaves every backend; balancers that cannot be told are left out',
  async t => {
    const hosts = cluster(t)
    haproxy(hosts, 'b', { api_6443: 'UP 1/3', web_80: 'UP', web_443: 'MAINT' })
    hosts.down.add('c')
    const ran = await hosts.run([restarts('machine')])
    t.match(ran.changed, ['b no new connections to a', /^a /, 'b connections again to a'])
    t.match(asked(hosts, 'b').join(), /b=api_6443 -d action=drain,.*b=web_80 -d action=drain/)
    t.notMatch(asked(hosts, 'b').join(), /web_443/, 'what a person has taken out stays out')
  },
)

void t.test(
  'a server that is coming up is taken out, too: it would be up in the middle of its restart',
  async t => {
    const hosts = cluster(t)
    haproxy(hosts, 'b', { api_6443: 'DOWN 1/2' })
    const planned = await hosts.run([restarts('k3s')], { dryRun: true })
    const ran = await hosts.run([restarts('k3s')])
    t.match(ran.changed, ['b no new connections to a', /^a /, 'b connections again to a'])
    t.strictSame(planned.changed, ran.changed)
    t.strictSame(asked(hosts, 'b'), [
      's=a --data-urlencode b=api_6443 -d action=drain',
      's=a --data-urlencode b=api_6443 -d action=ready',
    ])
  },
)

void t.test('before there is any haproxy of fmc nothing is done', async t => {
  const hosts = cluster(t)
  const ran = await hosts.run([restarts('k3s')])
  t.ok(
    ran.changed.every(c => c.startsWith('a ')),
    ran.changed.join(),
  )
})

void t.test('an interrupted run has left the server without connections', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'DRAIN' })
  haproxy(hosts, 'c', { api_6443: 'MAINT' })
  const ran = await hosts.run([returns])
  t.equal(ran.code, 0, ran.failures.join())
  t.strictSame(ran.changed, ['b connections again to a'])
  t.strictSame((await hosts.run([returns])).changed, [])
})

void t.test('haproxy that refuses is a failure', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'DRAIN' }, 'DENY')
  const ran = await hosts.run([returns])
  t.match(ran.failures, [/haproxy does not set a in api_6443 to ready: .*st=DENY/])
})

void t.test('the last server that is up keeps its connections to the end', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'UP' }, 'DONE', 'DOWN')
  haproxy(hosts, 'c', { api_6443: 'UP' }, 'DONE', 'UP 2/3')
  const ran = await hosts.run([restarts('k3s')])
  t.strictSame(asked(hosts, 'b'), [])
  t.equal(asked(hosts, 'c').length, 2, ran.changed.join())
})

void t.test(
  'a restart that fails: connections again once it is up, and the failure is told',
  async t => {
    const hosts = cluster(t)
    haproxy(hosts, 'b', { api_6443: 'UP' })
    const ran = await hosts.run([
      restarts('k3s', 'test ! -e /srv/broken; echo no such flag >&2; exit 1'),
    ])
    t.match(ran.failures, [/no such flag/])
    t.strictSame(
      asked(hosts, 'b').map(a => a.replace(/.*action=/, '')),
      ['drain', 'ready'],
    )
  },
)

void t.test(
  'a server that does not come up again is a failure, and gets connections as soon as it is up',
  async t => {
    const hosts = cluster(t)
    haproxy(hosts, 'b', { api_6443: 'UP' }, 'DONE', 'UP', 'DOWN')
    process.env['FMC_GATE_SECONDS'] = '1'
    t.teardown(() => Reflect.deleteProperty(process.env, 'FMC_GATE_SECONDS'))
    const ran = await hosts.run([restarts('k3s')])
    t.match(ran.failures, [/the balancers have checked a: .*b: a is still DOWN in api_6443$/])
    t.match(ran.changed.join(), /b no new connections to a,.*b connections again to a/)
    t.strictSame(
      asked(hosts, 'b').map(a => a.replace(/.*action=/, '')),
      ['drain', 'ready'],
      'haproxy shows a drained server that is down as DOWN',
    )
  },
)

void t.test('a balancer that refuses: those before it send connections again', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'UP' })
  haproxy(hosts, 'c', { api_6443: 'UP' }, 'DENY')
  const ran = await hosts.run([restarts('k3s')])
  t.match(ran.failures, [/haproxy does not set a in api_6443 to drain/])
  t.strictSame(
    asked(hosts, 'b').map(a => a.replace(/.*action=/, '')),
    ['drain', 'ready'],
  )
  t.equal(hosts.read('a', '/srv/log'), undefined, 'nothing was restarted')
})

void t.test('a balancer that no longer answers is a failure: a is without connections', async t => {
  const hosts = cluster(t)
  haproxy(hosts, 'b', { api_6443: 'UP' }, 'DONE', 'UP', 'no answer')
  haproxy(hosts, 'c', { api_6443: 'UP' })
  const ran = await hosts.run([restarts('k3s')])
  t.match(ran.failures, [/haproxy does not tell the state of its servers/])
  t.match(asked(hosts, 'c').join(), /action=ready/, 'the others get it back all the same')
})

void t.test('where a restarted server has to come up', t => {
  const down = (...at: string[]) =>
    at.map(text => {
      const [balancer = '', backend = ''] = text.split('/')
      return { balancer, backend }
    })
  const before = [
    { balancer: { name: 'b' }, up: ['api_6443', 'web_80'] },
    { balancer: { name: 'c' }, up: [] },
  ]
  const all = down('b/web_80', 'b/web_443', 'c/web_80', 'd/web_80')
  t.strictSame(notBack(all, before, false), all, 'while the checks may still come')
  t.strictSame(notBack(all, before, true), down('b/web_80'), 'then: where it was up')
  t.strictSame(notBack(all, [], true), [], 'nothing was restarted')
  t.end()
})

/** On b: the session of another run, which has drained `other` and gives it back once somebody has looked again. */
const ANOTHER_RUN = `umask 077; exec 9>>/run/fmc.lock; mkdir -p /run/fmc-drained
echo "joe@elsewhere pid 7 (play reboot) (shell pid $$)" >>/run/fmc.lock; echo $$ >/run/fmc-drained/api_6443,other
looks() { wc -l </srv/looks; }
i=0; until [ -e /run/fmc-drained/lock ] || [ $((i = i + 1)) -gt 100 ]; do sleep 0.1; done
n=$(looks); until [ $(looks) -gt $((n + 1)) ] || [ $((i = i + 1)) -gt 100 ]; do sleep 0.1; done
echo 'other is back' >>/srv/asked; sed -i 's/DRAIN/UP/' /srv/csv`

void t.test('two runs do not take two servers away: the second one waits', async t => {
  for (const third of ['UP', 'DOWN']) {
    const hosts = cluster(t)
    haproxy(hosts, 'b', { api_6443: 'UP' }, 'DONE', 'DRAIN')
    const csv = hosts.read('b', '/srv/csv') ?? ''
    hosts.write('b', '/srv/csv', `${csv}${row('api_6443', 'third', third)}\n`)
    hosts.write('b', '/srv/looks', '')
    hosts.write('b', '/run/x', '')
    hosts.write('b', '/srv/another', ANOTHER_RUN)
    const another = hosts.sh('b', 'exec sh /srv/another')
    const mark = (): string => hosts.read('b', '/run/fmc-drained/api_6443,other') ?? ''
    await until(() => Promise.resolve(mark() !== ''), 10, 'the other run is at work')
    const ran = await hosts.run([restarts('k3s')])
    await another
    t.strictSame(
      asked(hosts, 'b').map(a => a.replace(/.*action=/, '')),
      ['other is back', 'drain', 'ready'],
      `the third is ${third}: ${ran.failures.join()}`,
    )
  }
})

void t.test(
  'what another run has drained and lost, or given back, keeps nobody waiting',
  async t => {
    for (const [status, mark] of [
      ['DRAIN', '4194305'],
      ['DRAIN', 'x; reboot'],
      ['DOWN', ''],
    ] as const) {
      const hosts = cluster(t)
      haproxy(hosts, 'b', { api_6443: 'UP' }, 'DONE', status)
      const csv = hosts.read('b', '/srv/csv') ?? ''
      hosts.write('b', '/srv/csv', `${csv}${row('api_6443', 'third', 'UP')}\n`)
      hosts.write('b', '/run/fmc-drained/api_6443,other', mark)
      await hosts.run([restarts('k3s')])
      t.equal(asked(hosts, 'b').length, 2, `${status} ${mark}`)
    }
  },
)

void t.test('a host that leaves for good gets no new connections first', async t => {
  const hosts = new Hosts(
    t,
    {},
    'vips: { web: { address: 10.0.0.8, network: lan, vrid: 52, ports: [80, 443], backends: k3s_workers, balancers: b } }\ngroups: { k3s_workers: { hosts: [a, c] } }\n',
  )
  haproxy(hosts, 'b', { web_80: 'UP', web_443: 'DOWN' })
  const leaves = { ...one(remove, { hosts: 'a' }) }
  const planned = await hosts.run([leaves], { dryRun: true })
  const ran = await hosts.run([leaves])
  t.strictSame(ran.changed, ['b no new connections to a'], ran.failures.join())
  t.strictSame(planned.changed, ran.changed)
  t.strictSame(asked(hosts, 'b'), ['s=a --data-urlencode b=web_80 -d action=drain'])
  t.strictSame((await hosts.run([leaves])).changed, [], 'and nothing gives them back')
  hosts.down.add('a')
  haproxy(hosts, 'b', { web_80: 'UP' })
  t.strictSame((await hosts.run([leaves])).changed, [], 'a dead host gets none anyway')
})

void t.test('what haproxy prints is data', t => {
  t.strictSame(
    [
      ...parseStatuses(
        'api_6443,UP,2,0\nweb_80,UP 1/3,0,1\nbad\n$(x),UP,1,0\nweb_443,\u001b[31m,1,0\nn,no check,1,0\nm,UP,x,0\no,UP,1\n',
      ),
    ],
    [
      ['api_6443', { status: 'UP', others: 2, held: false }],
      ['web_80', { status: 'UP 1/3', others: 0, held: true }],
      ['n', { status: 'no check', others: 1, held: false }],
    ],
  )
  t.end()
})
