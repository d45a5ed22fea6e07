import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { helmChart, type Chart } from '../../roles/shared/kubernetes/chart.ts'
import { differences, readCharts } from '../../roles/shared/kubernetes/charts.ts'
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
  k3s: undefined,
}
const wanted = helmChart(chart)
const item = (kind: string, name: string, spec: object) => ({ kind, metadata: { name }, spec })
const state = (...items: readonly object[]) => {
  const read = readCharts({ code: 0, stdout: JSON.stringify({ items }), stderr: '' })
  if (typeof read === 'string') throw new Error(read)
  return read
}

t.test('how a chart in the cluster differs from its manifest', t => {
  const spec = wanted['spec'] as object
  for (const [name, items, expected] of [
    ['nothing', [], ['HelmChart app is not in the cluster']],
    ['the same', [item('HelmChart', 'app', spec)], []],
    [
      'old version',
      [item('HelmChart', 'app', { ...spec, version: '1.2.2' })],
      ['app has the version 1.2.2, not 1.2.3'],
    ],
    [
      'old values',
      [item('HelmChart', 'app', { ...spec, valuesContent: 'a: 2\n' })],
      ['app has other values'],
    ],
    [
      'a policy that repairs nothing',
      [item('HelmChart', 'app', { ...spec, failurePolicy: 'abort' })],
      ['app has the failurePolicy abort, not retry'],
    ],
    [
      'a policy of K3s before 1.36',
      [item('HelmChart', 'app', { ...spec, failurePolicy: undefined, forceConflicts: undefined })],
      ['app has the failurePolicy none, not retry', 'app has another forceConflicts'],
    ],
    [
      'another repository',
      [item('HelmChart', 'app', { ...spec, repo: undefined, chart: 'oci://x/app' })],
      [
        'app has the repo none, not https://charts.example/',
        'app has the chart oci://x/app, not app',
      ],
    ],
  ] as const)
    t.strictSame(differences(wanted, state(...items)), expected, name)
  const silent = { ...wanted, kind: 'HelmChartConfig', spec: { valuesContent: 'a: 1\n' } }
  t.strictSame(
    differences(
      silent,
      state(
        item('HelmChartConfig', 'app', { valuesContent: 'a: 1\n', failurePolicy: 'reinstall' }),
      ),
    ),
    [],
    'what the API server fills in is no difference',
  )
  t.strictSame(
    differences(
      silent,
      state(item('HelmChartConfig', 'app', { valuesContent: 'a: 1\n', failurePolicy: 'retry' })),
    ),
    ['app has the failurePolicy retry, not none'],
  )
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
