// A machine that is a node already, under another name, of another kind or of another cluster. The question runs here,
// on files of the test; systemctl is a script of the test.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import {
  parsePresent,
  PRESENT_SCRIPT,
  refusedAdoption,
  withoutData,
} from '../../roles/shared/k3s/adoption.ts'

const CERTIFICATE = '/var/lib/rancher/k3s/agent/client-kubelet.crt'
const CONFIG = '/etc/rancher/k3s/config.yaml'
const UNIT = '/etc/systemd/system/k3s.service'

/** What the question answers on a host with these files. */
function asked(t: Test, files: Readonly<Record<string, string>>): string {
  const root = t.testdir({})
  for (const [path, text] of Object.entries({
    ...files,
    // Shows a unit with its path in front, and calls every unit that has a file enabled.
    '/bin/systemctl': `#!/bin/sh
for last; do :; done
f=${root}/etc/systemd/system/$last
case $1 in cat) [ -e "$f" ] && { echo "# $f"; cat "$f"; } ;; *) [ -e "$f" ] ;; esac`,
  })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  chmodSync(join(root, 'bin/systemctl'), 0o755)
  const script = PRESENT_SCRIPT.replaceAll(/(?<![\w.\]*]\/?)\/(etc|var)\//g, `${root}/$1/`)
  const run = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: `${root}/bin:${process.env['PATH'] ?? ''}` },
  })
  t.equal(run.stderr, '')
  t.equal(run.status, 0)
  return run.stdout.replaceAll(root, '')
}

/** A certificate as K3s gives it to a kubelet, followed by that of its authority. */
function kubelet(t: Test, node: string): string {
  const dir = t.testdir({})
  const make = (subject: string): string => {
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ${dir}/key -out ${dir}/crt -subj ${subject}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    )
    return readFileSync(join(dir, 'crt'), 'utf8')
  }
  return make(`/O=system:nodes/CN=system:node:${node}`) + make('/CN=k3s-client-ca')
}

/** install.sh writes flags like this. */
const installed = (kind: 'server' | 'agent', ...flags: readonly string[]): string =>
  `[Service]\nEnvironmentFile=-/etc/default/%N\nExecStart=/usr/local/bin/k3s \\\n    ${kind} \\\n${flags.map(f => `\t'${f}' \\\n`).join('')}\n`

const ME = { name: 'ip-192-168-30-38', kind: 'server' } as const

void t.test('nothing, and what fmc itself has written, is taken', t => {
  t.equal(asked(t, {}), '')
  const own = asked(t, {
    [CERTIFICATE]: kubelet(t, ME.name),
    [CONFIG]: `# Managed by fmc\nnode-ip: 192.168.30.38\nnode-name: ${ME.name}\ntoken: "hush"\n`,
    [UNIT]: installed('server'),
    '/var/lib/rancher/k3s/server/db/etcd/member/wal/0': '',
    '/var/lib/rancher/k3s/server/db/state.db': 'what K3s converted once',
  })
  t.match(parsePresent(own), {
    names: [
      { value: ME.name, from: CERTIFICATE },
      { value: ME.name, from: CONFIG },
    ],
    units: ['k3s'],
    datastore: undefined,
  })
  t.equal(refusedAdoption(parsePresent(own), ME), undefined)
  t.end()
})

void t.test('a node under another name is refused, with what to write', t => {
  const named =
    /this machine is already the node k3s-1 \(.*as ip-192-168-30-38 it would join a second/
  const cases: readonly [what: string, files: Readonly<Record<string, string>>][] = [
    ['certificate', { [CERTIFICATE]: kubelet(t, 'k3s-1') }],
    ['config.yaml', { [CONFIG]: 'node-name: k3s-1\n' }],
    ['quoted', { [CONFIG]: `"node-name": 'k3s-1'   # mine\n` }],
    ['config.yaml.d', { [`${CONFIG}.d/10-name.yaml`]: 'node-name: "k3s-1"\n' }],
    ['flag', { [UNIT]: installed('server', '--node-name', 'k3s-1') }],
    ['flag with =', { [UNIT]: installed('server', '--node-name=k3s-1') }],
    [
      'variable',
      { [`${UNIT}.env`]: `K3S_TOKEN='hush'\nK3S_NODE_NAME='k3s-1'\n`, [UNIT]: installed('server') },
    ],
    [
      'agent',
      { '/etc/systemd/system/k3s-agent.service': installed('agent', '--node-name', 'k3s-1') },
    ],
  ]
  for (const [what, files] of cases) {
    const answer = asked(t, files)
    t.notMatch(answer, 'hush', what)
    const refused = refusedAdoption(parsePresent(answer), ME)
    t.match(refused?.why, named, what)
    t.match(refused?.hint, /rename ip-192-168-30-38 to k3s-1 in the inventory/, what)
  }
  const dotted = asked(t, { [CERTIFICATE]: kubelet(t, 'k3s-1.lan.example') })
  t.match(
    refusedAdoption(parsePresent(dotted), ME)?.hint,
    /cannot be k3s-1\.lan\.example.*delete node k3s-1\.lan\.example .*node-replace --limit ip-192/,
  )
  t.end()
})

void t.test('another kind, datastore, directory or Kubernetes is refused', t => {
  const refused = (
    files: Readonly<Record<string, string>>,
    me: typeof ME | { name: string; kind: 'agent' } = ME,
  ) => refusedAdoption(parsePresent(asked(t, files)), me)
  t.match(refused({ '/etc/systemd/system/k3s-agent.service': installed('agent') }), {
    why: /already runs k3s-agent\.service, and the inventory wants a K3s server/,
    hint: /into the group k3s_agents\..*systemctl disable --now k3s-agent/,
  })
  t.match(refused({ [UNIT]: installed('server') }, { name: 'w1', kind: 'agent' }), {
    why: /already runs k3s\.service/,
    hint: /into the group k3s_servers/,
  })
  t.match(refused({ '/var/lib/rancher/k3s/server/db/state.db': 'x' }), {
    why: /in SQLite/,
    hint: /--cluster-init/,
  })
  const outside = asked(t, {
    [CONFIG]: 'datastore-endpoint: "mysql://root:hush@tcp(db:3306)/k3s"\n',
    [UNIT]: installed('server', '--datastore-endpoint', 'postgres://k3s:hush@db/k3s'),
  })
  t.notMatch(outside, /hush/)
  t.match(refusedAdoption(parsePresent(outside), ME)?.why, /datastore-endpoint in \/etc\/rancher/)
  t.equal(asked(t, { [CONFIG]: 'datastore-endpoint: ""\n' }), '', 'none')
  const units = 'unit k3s\n'
  for (const line of [
    'K3S_DATASTORE_ENDPOINT=',
    `K3S_DATASTORE_ENDPOINT=''`,
    'K3S_DATASTORE_ENDPOINT=""\nK3S_TOKEN=hush',
    '# K3S_DATASTORE_ENDPOINT=mysql://root:hush@tcp(db:3306)/k3s',
  ]) {
    const none = { [UNIT]: installed('server'), [`${UNIT}.env`]: `${line}\n` }
    t.equal(asked(t, none), units, line)
  }
  t.equal(asked(t, { [UNIT]: installed('server', '--datastore-endpoint=') }), units)
  t.match(
    refused({ [`${UNIT}.env`]: `K3S_TOKEN=hush\nK3S_DATASTORE_ENDPOINT='mysql://db/k3s'\n` }),
    { why: /datastore-endpoint in k3s\.service/ },
  )
  t.match(refused({ [UNIT]: installed('server', '--data-dir', '/mnt/k3s') }), {
    why: /keeps its data in \/mnt\/k3s \(k3s\.service\)/,
  })
  t.equal(refused({ [CONFIG]: 'data-dir: /var/lib/rancher/k3s/\n' }), undefined, 'the usual one')
  t.match(refused({ '/etc/kubernetes/kubelet.conf': '' }), {
    why: /another Kubernetes \(\/etc\/kubernetes/,
  })
  t.match(refused({ '/var/lib/rancher/rke2/x': '' }), { why: /another Kubernetes/ })
  t.end()
})

void t.test('what node-replace leaves is what the question then answers', t => {
  const kept = { [`${CONFIG}.d/x.yaml`]: 'node-name: k3s-1\n', '/var/lib/k0s/x': '' }
  const before = asked(t, {
    ...kept,
    [CERTIFICATE]: kubelet(t, 'k3s-1'),
    '/var/lib/rancher/k3s/agent/server-ca.crt':
      kubelet(t, 'x').split('-----END CERTIFICATE-----\n')[0] ?? '',
    [CONFIG]: 'node-name: k3s-1\n',
    [UNIT]: installed('server'),
  })
  t.match(before, /^ca [0-9a-f]{64}$/m)
  t.equal(withoutData(before, 'k3s'), asked(t, kept))
  t.end()
})

void t.test(
  'an answer that makes no sense is an error; a certificate that is none is no name',
  t => {
    t.throws(
      () => parsePresent('uid=0(root)\n'),
      /this is not what of Kubernetes a host has: uid=0/,
    )
    for (const cert of ['', 'AAAA', 'A'.repeat(20_000)])
      t.strictSame(parsePresent(`cert ${cert}\n`).names, [])
    t.end()
  },
)
