import t from 'tap'
import { marking, readNodes } from '../../roles/shared/kubernetes/nodes.ts'
import { holds, keepsNothing, readLonghorn, sickNode } from '../../roles/longhorn/health.ts'
import { initiatorName } from '../../roles/longhorn/templates.ts'
import { KUBECTL_TEXT } from '../../roles/shared/k3s/platform.ts'
import { mayGo } from '../../roles/longhorn/upgrade.ts'

const condition = (type: string, ok = true, reason = 'Why') => ({
  type,
  status: ok ? 'True' : 'False',
  reason: ok ? '' : reason,
})
const volume = (name: string, state: string, robustness: string) => ({
  kind: 'Volume',
  metadata: { name },
  status: { state, robustness, kubernetesStatus: { namespace: 'shop', pvcName: 'data' } },
})
const node = (
  name: string,
  o: {
    ready?: boolean
    schedulable?: boolean
    why?: string
    path?: string
    allow?: boolean
    disk?: boolean
    none?: boolean
  } = {},
) => ({
  kind: 'Node',
  metadata: { name },
  spec: {
    allowScheduling: true,
    disks: o.none
      ? {}
      : { d: { path: o.path ?? '/mnt/longhorn-disk/', allowScheduling: o.allow ?? true } },
  },
  status: {
    conditions: [condition('Ready', o.ready), condition('Schedulable', o.schedulable, o.why)],
    diskStatus: { d: { conditions: [condition('Ready', o.disk), condition('Schedulable')] } },
  },
})
const state = (...items: readonly object[]) =>
  readLonghorn({ code: 0, stdout: JSON.stringify({ items }), stderr: '' })

t.test('may these workers be touched, and have they recovered', t => {
  const ok = [node('w1'), node('w2')]
  const rows = [
    ['nothing attached', [...ok, volume('v', 'detached', 'unknown')], true, true],
    ['healthy', [...ok, volume('v', 'attached', 'healthy')], true, true],
    [
      'degraded',
      [...ok, volume('v', 'attached', 'degraded')],
      /volume v of shop\/data is degraded/,
      /degraded/,
    ],
    ['attaching', [...ok, volume('v', 'attaching', 'unknown')], /is unknown/, /is unknown/],
    ['faulted', [...ok, volume('v', 'detached', 'faulted')], /is faulted/, /is faulted/],
    ['not schedulable', [node('w1', { schedulable: false })], true, /w1 is not schedulable/],
    [
      'cordoned by a person, and stays so',
      [node('w1', { schedulable: false, why: 'KubernetesNodeCordoned' })],
      true,
      true,
    ],
    [
      'lost, so it may be repaired',
      [node('w1', { ready: false }), volume('v', 'attached', 'degraded')],
      true,
      /degraded.*w1 is not Ready/,
    ],
    ['new', [node('w2'), volume('v', 'attached', 'degraded')], true, /degraded/],
    ['new, and Longhorn knows it already', [node('w1', { none: true })], true, true],
  ] as const
  for (const [name, items, before, after] of rows)
    for (const [when, expected] of [
      ['before', before],
      ['after', after],
    ] as const) {
      const answer = holds(state(...items), when, ['w1'])
      if (expected === true) t.equal(answer, true, `${name}, ${when}`)
      else t.match(answer, expected, `${name}, ${when}`)
    }
  t.match(
    holds(
      state(...ok, volume('v', 'attached', 'degraded'), node('w1', { ready: false })),
      'before',
      ['w1', 'w2'],
    ),
    /degraded/,
    'one of the batch carries copies',
  )
  t.end()
})

t.test(
  'a worker keeps nothing if Longhorn has no disk there; if nobody knows, it may keep volumes',
  t => {
    const answer = (stderr: string) => readLonghorn({ code: 1, stdout: '', stderr })
    t.ok(keepsNothing(answer(`error: the server doesn't have a resource type "volumes"`), 'w1'))
    t.ok(keepsNothing(state(node('w2')), 'w1'), 'Longhorn does not know it')
    t.ok(keepsNothing(state(node('w1', { none: true })), 'w1'))
    t.notOk(keepsNothing(state(node('w1', { ready: false })), 'w1'))
    t.notOk(keepsNothing(answer('connection refused'), 'w1'))
    t.end()
  },
)

t.test('no answer counts as unhealthy, unless Longhorn is not installed', t => {
  const answer = (stderr: string) => readLonghorn({ code: 1, stdout: '', stderr })
  t.equal(
    holds(answer(`error: the server doesn't have a resource type "volumes"`), 'before', ['w1']),
    true,
  )
  t.match(holds(answer('connection refused'), 'before', ['w1']), /connection refused/)
  t.match(
    holds(
      readLonghorn({ code: 0, stdout: '{"items":[{"kind":"Pod"}]}', stderr: '' }),
      'before',
      [],
    ),
    /unexpected/,
  )
  t.end()
})

t.test('a node and its disk', t => {
  const sick = (o: object) => {
    const found = state(node('w1', o))
    if (found === 'none' || 'problem' in found) throw new Error('no state')
    return sickNode('w1', found).join()
  }
  t.equal(sick({}), '')
  t.match(sick({ none: true }), 'has no disk in Longhorn yet')
  t.match(
    sick({ path: '/var/lib/longhorn' }),
    /drift: w1 has the disks \/var\/lib\/longhorn .* not \/mnt\/longhorn-disk/,
  )
  t.match(sick({ allow: false }), /drift: .* takes no volumes/)
  t.match(sick({ disk: false }), 'is not Ready (Why)')
  t.end()
})

t.test('versions', t => {
  for (const [from, to, expected] of [
    [undefined, '1.12.1', true],
    ['1.12.1', '1.12.1', true],
    ['1.11.3', '1.12.1', true],
    ['1.12.0', '1.12.1', true],
    ['1.10.0', '1.12.1', /1\.11 comes first/],
    ['1.12.1', '1.12.0', /cannot go back/],
    ['1.12.1', '1.11.9', /cannot go back/],
    ['1.12.1', '2.0.0', /another major/],
  ] as const)
    if (expected === true) t.equal(mayGo(from, to), true, `${from} → ${to}`)
    else t.match(mayGo(from, to), expected, `${from} → ${to}`)
  t.end()
})

t.test('labels and annotations that nodes lack; a node that has not joined yet lacks all', t => {
  const nodes = readNodes({
    code: 0,
    stderr: '',
    stdout: JSON.stringify({
      items: [
        { metadata: { name: 'a', labels: { l: '1' }, annotations: { n: 'x' } } },
        { metadata: { name: 'b', labels: { l: '2' } } },
      ],
    }),
  })
  if (typeof nodes === 'string') throw new Error(nodes)
  t.strictSame(
    marking(
      { title: '', nodes: ['a', 'b', 'c'], labels: { l: '1' }, annotations: { n: 'x' } },
      nodes,
    ).map(c => c.script),
    ['b', 'c'].map(
      n =>
        `${KUBECTL_TEXT} annotate --overwrite node ${n} n=x\n${KUBECTL_TEXT} label --overwrite node ${n} l=1`,
    ),
  )
  t.end()
})

t.test('names', t => {
  t.equal(
    initiatorName('worker1', 'cloud.internal'),
    '# Managed by fmc\nInitiatorName=iqn.2004-10.internal.cloud:worker1\n',
  )
  t.end()
})
