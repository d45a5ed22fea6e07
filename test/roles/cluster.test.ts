import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { helmChart, type Chart } from '../../roles/shared/kubernetes/chart.ts'
import { deployed, differences, readCharts } from '../../roles/shared/kubernetes/charts.ts'
import { documents, toYaml, type Yaml } from '../../roles/shared/kubernetes/yaml.ts'

t.test('YAML that every parser reads as the same value', t => {
  const values: Yaml[] = [
    'text',
    '',
    'yes',
    'no',
    'on',
    '1',
    '1e3',
    '0x1f',
    '~',
    'null',
    'a: b',
    '- a',
    '# no',
    "it's",
    '"q"',
    'a\\b',
    '*a',
    '&a',
    '!x',
    '@x',
    '%x',
    '|',
    '> x',
    'ñ €',
    'tab\there',
    ' lead',
    'trail ',
    '2026-11-21',
    '12:30:45',
    '=',
    '<<',
    '{a}',
    '[a]',
    'a,b',
    '0777',
    '.5',
    '-',
    1,
    -1.5,
    true,
    false,
    null,
    [],
    {},
    [[]],
    [{}],
    [[1, 2], ['a']],
    [{ a: 1, b: [1] }, {}],
    { a: [], b: {}, c: [{ d: { e: null } }], 'key with: colon': 1, yes: 2, '0': 3 },
    { text: 'one\ntwo\n' },
    { text: 'one\n\n  three\n' },
    { text: 'one\ntwo' },
    { text: 'one\n\n' },
    { text: '\n' },
    { text: ' lead\ntwo\n' },
    { text: 'one \ntwo\n' },
    { text: 'tab\tx\ny\n' },
    [{ deep: { text: 'a: b\n- c\n' } }],
    ['a\nb\n'],
  ]
  for (const value of values)
    for (const version of ['1.1', '1.2'] as const)
      t.strictSame(parse(toYaml(value), { version }), value, `${version} ${JSON.stringify(value)}`)
  t.strictSame(parse(toYaml({ a: undefined, b: 1 })), { b: 1 }, 'undefined is left out')
  t.strictSame(
    parseAllDocuments(documents([{ a: 1 }, { b: [] }])).map(d => d.toJS() as unknown),
    [{ a: 1 }, { b: [] }],
  )
  t.equal(
    toYaml({ spec: { list: [{ name: 'a', env: ['x'] }], values: 'a: 1\nb: c\n' } }),
    `spec:
  list:
    - name: a
      env:
        - x
  values: |
    a: 1
    b: c
`,
  )
  t.end()
})

const chart: Chart = {
  name: 'app',
  chart: 'app',
  repo: 'https://charts.example/',
  version: '1.2.3',
  namespace: 'app',
  values: { a: 1 },
}
const wanted = helmChart(chart)
const item = (kind: string, name: string, spec: object, ...conditions: readonly string[]) => ({
  kind,
  metadata: { name },
  spec,
  status: { conditions: conditions.map(c => ({ type: c, status: 'True', message: 'why' })) },
})
const state = (...items: readonly object[]) => {
  const read = readCharts({ code: 0, stdout: JSON.stringify({ items }), stderr: '' })
  if (typeof read === 'string') throw new Error(read)
  return read
}

t.test('a chart is deployed when the cluster has it and its job is complete', t => {
  const right = item('HelmChart', 'app', wanted['spec'] as object)
  for (const [name, items, expected] of [
    ['nothing', [], 'HelmChart app is not in the cluster'],
    ['no job', [right], 'helm is installing app'],
    ['running', [right, item('Job', 'helm-install-app', {})], 'helm is installing app'],
    [
      'suspended',
      [right, item('Job', 'helm-install-app', {}, 'Suspended')],
      'helm is installing app',
    ],
    ['complete', [right, item('Job', 'helm-install-app', {}, 'Complete')], true],
    [
      'another job',
      [right, item('Job', 'helm-install-other', {}, 'Complete')],
      'helm is installing app',
    ],
    [
      'old version',
      [
        item('HelmChart', 'app', { version: '1.2.2', valuesContent: 'a: 1\n' }),
        item('Job', 'helm-install-app', {}, 'Complete'),
      ],
      'app has the version 1.2.2, not 1.2.3',
    ],
    [
      'old values',
      [item('HelmChart', 'app', { version: '1.2.3', valuesContent: 'a: 2\n' })],
      'app has other values',
    ],
    [
      'failed',
      [
        item('HelmChart', 'app', wanted['spec'] as object, 'Failed'),
        item('Job', 'helm-install-app', {}, 'Complete'),
      ],
      /could not install app: why/,
    ],
    [
      'failed job',
      [right, item('Job', 'helm-install-app', {}, 'Failed')],
      /could not install app: its job failed/,
    ],
  ] as const) {
    const answer = deployed([wanted], state(...items))
    if (expected instanceof RegExp) t.match(answer, expected, name)
    else t.equal(answer, expected, name)
  }
  t.strictSame(
    differences({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, []),
    [],
    'other kinds are not compared',
  )
  t.end()
})

t.test('no answer is never taken for an empty cluster', t => {
  t.match(
    readCharts({ code: 1, stdout: '', stderr: 'x\nconnection refused\n' }),
    'connection refused',
  )
  for (const stdout of ['', '{}', '{"items":[{"kind":1}]}', '[]'])
    t.match(readCharts({ code: 0, stdout, stderr: '' }), 'unexpected', stdout)
  t.end()
})
