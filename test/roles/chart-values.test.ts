// The values that roles give to charts have an effect: the pinned charts know their keys (always), and the real helm renders
// from them what the capacity check counts (with FMC_TEST_CHARTS=DIR, a directory with the charts).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { commonVars } from '../../roles/shared/k3s/vars.ts'
import { parseKeys, unknownKeys } from '../../roles/shared/kubernetes/value-keys.ts'
import { BUNDLED } from '../../roles/traefik/templates.ts'
import { digest, unpacked } from '../rig/chart-files.ts'
import { chartIn, FILLED, keysOf, type Filled } from '../rig/charts.ts'
import { render, running, type Rendered, type Resources } from '../rig/helm.ts'

/** What these values are compared with, where the pinned chart could not be had. */
const substitute = ({ chart, version }: Filled): string | undefined => {
  const list = keysOf(chart)
  return list.inPlaceOf === undefined
    ? undefined
    : `${chart} ${version}: compared with ${list.version}, because the chart ${list.inPlaceOf} could not be had`
}

const title = (filled: Filled) => {
  const { chart, version, form } = filled
  return `${chart} ${version}, ${form}${substitute(filled) === undefined ? '' : ` (of ${keysOf(chart).version})`}`
}

t.test('charts whose pinned version could not be had are compared with another, and named', t => {
  const named = [...new Set(FILLED.flatMap(filled => substitute(filled) ?? []))]
  for (const line of named) t.comment(line)
  t.strictSame(named, [
    'argo-cd 10.3.0: compared with 10.1.1, because the chart 10.3.0 could not be had',
  ])
  t.match(title(FILLED.find(f => f.chart === 'argo-cd') as Filled), '(of 10.1.1)')
  t.match(parseKeys(`app 1.2.3 sha256:${'0'.repeat(64)} in place of 1.3.0\n`), {
    version: '1.2.3',
    inPlaceOf: '1.3.0',
  })
  t.equal(parseKeys(`app 1.2.3 sha256:${'0'.repeat(64)}\n`).inPlaceOf, undefined)
  const dir = t.testdir({ 'argo-cd-10.1.1.tgz': '', 'traefik-1.0.0.tgz': '' })
  const found = (chart: string) => chartIn(dir, FILLED.find(f => f.chart === chart) as Filled)
  t.equal(found('argo-cd'), join(dir, 'argo-cd-10.1.1.tgz'))
  t.equal(found('traefik'), undefined)
  t.end()
})

t.test('every key that a role sets is one of the pinned chart', t => {
  for (const filled of FILLED) {
    const list = keysOf(filled.chart)
    t.strictSame(
      [list.chart, list.inPlaceOf ?? list.version],
      [filled.chart, filled.version],
      `${filled.chart}: the list is of the pinned version, or says that it is not (scripts/charts.js)`,
    )
    t.strictSame(unknownKeys(parse(filled.values), list.keys), [], title(filled))
  }
  t.equal(commonVars.k3s_version.parse(undefined), BUNDLED.k3s, 'the K3s whose Traefik is listed')
  t.end()
})

t.test('a key that a chart has renamed is found', t => {
  const { keys } = keysOf('traefik')
  for (const [values, expected] of [
    [{ service: { type: 'NodePort' } }, ['service.type']],
    [{ service: { spec: { type: 'NodePort', any: { thing: 1 } } } }, []],
    [{ ports: { web: { hostPort: 80, hostPorts: 80 } } }, ['ports.web.hostPorts']],
    [{ ports: { web: { hostPort: { number: 80 } } } }, ['ports.web.hostPort']],
    [{ updateStrategy: { 'rolling.update': {} } }, ['updateStrategy."rolling.update"']],
    [{ nodeSelector: { a: 'b' }, nothing: undefined }, []],
    [{ deployment: [] }, []],
  ] as const)
    t.strictSame(unknownKeys(values, keys), expected, JSON.stringify(values))
  t.end()
})

t.test('a list of keys that is damaged is an error with its line', t => {
  const head = `app 1.2.3 sha256:${'0'.repeat(64)}\n`
  t.strictSame(unknownKeys({ a: { b: 1, c: 2 }, d: {} }, parseKeys(`${head}a\n  b\n`).keys), [
    'a.c',
    'd',
  ])
  for (const [text, expected] of [
    ['', /line 1: expected NAME VERSION sha256/],
    ['app 1.2.3\na\n', /line 1/],
    [head.replace('\n', ' in place of\n'), /line 1/],
    [`${head}a\n    b\n`, /line 3: expected a key below the one before/],
    [`${head}  a\n`, /line 2/],
    [`${head}a\n   b\n`, /line 3/],
  ] as const)
    t.throws(() => parseKeys(text), expected)
  t.end()
})

t.test('the sum of a chart is that of its values and templates', t => {
  const dir = t.testdir({})
  const chart = (name: string, files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(dir, name, file, '..'), { recursive: true })
      writeFileSync(join(dir, name, file), text)
    }
    return digest(unpacked(join(dir, name)))
  }
  const files = {
    'Chart.yaml': 'v: 1',
    'values.yaml': 'a: 1',
    'templates/x.yaml': '{{ .Values.a }}',
  }
  const sum = chart('a', files)
  t.equal(chart('b', { ...files, 'Chart.yaml': 'v: 2', 'README.md': 'x' }), sum)
  t.not(chart('c', { ...files, 'templates/x.yaml': '{{ .Values.b }}' }), sum)
  t.not(chart('d', { ...files, 'charts/sub/values.yaml': '' }), sum)
  t.end()
})

const DIR = process.env['FMC_TEST_CHARTS']
const found = DIR === undefined ? [] : FILLED.filter(f => chartIn(DIR, f) !== undefined)
const skip =
  found.length === 0
    ? `no chart to render: FMC_TEST_CHARTS=DIR names a directory with ${FILLED[0]?.chart ?? ''}-${FILLED[0]?.version ?? ''}.tgz and others`
    : false

t.test('the real helm renders the charts, and the pods ask for what is counted', { skip }, t => {
  const absent = new Set(FILLED.filter(f => !found.includes(f)).map(f => f.chart))
  t.comment(`not rendered: ${[...absent].join(', ') || 'none'}`)
  for (const filled of found) {
    const path = chartIn(DIR ?? '', filled) ?? ''
    t.equal(digest(unpacked(path)), keysOf(filled.chart).sha256, `${path} is the listed chart`)
    const { objects, stderr } = render(path, filled)
    t.equal(stderr, '', `${title(filled)}: helm warns of nothing`)
    t.comment(`rendered: ${title(filled)}: ${objects.length} objects`)
    if (filled.service !== undefined)
      t.equal(
        objects.find(o => o.kind === 'Service')?.spec?.type,
        filled.service,
        `${title(filled)}: the type of its Service`,
      )
    if (filled.addOn) t.strictSame(uncounted(filled, objects), [], `${title(filled)}: counted`)
  }
  t.end()
})

/** Which containers, and custom resources for pods, do not ask for what the catalogue counts; [] = all do. */
function uncounted({ addOn }: Filled, objects: readonly Rendered[]): string[] {
  const asked = [
    ...running(objects),
    ...objects
      .filter(o => addOn?.operated.includes(o.kind))
      .map(o => ({
        name: `${o.kind} ${o.metadata.name}`,
        count: o.spec?.replicas ?? 1,
        resources: o.spec?.resources ?? {},
      })),
  ]
  const sizes = ({ requests, limits }: Resources) =>
    `${requests?.['memory']} of ${limits?.['memory']}`
  const total = (counts: readonly (readonly [string, number | 'node'])[]) =>
    counts.reduce<Record<string, number | 'node'>>((sum, [size, n]) => {
      const before = sum[size] ?? 0
      return { ...sum, [size]: n === 'node' || before === 'node' ? 'node' : before + n }
    }, {})
  const counted = total(
    (addOn?.pods ?? []).map(p => [`${p.memory}Mi of ${p.limit}Mi`, p.count] as const),
  )
  const wrong = asked.filter(a => !(sizes(a.resources) in counted))
  const rendered = total(asked.map(a => [sizes(a.resources), a.count] as const))
  return [
    ...wrong.map(a => `${a.name} asks for ${JSON.stringify(a.resources)}`),
    ...Object.entries(rendered).flatMap(([size, n]) =>
      size in counted && counted[size] !== n ? [`${size}: ${n}, counted are ${counted[size]}`] : [],
    ),
  ]
}
