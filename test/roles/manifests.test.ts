// Issue-level: everything this project gives to Kubernetes is valid for the pinned versions of Kubernetes and of the charts' kinds.
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { Secret, type Host, type Vip } from '../../lib/index.ts'
import { CATALOGUE, entries } from '../../roles/addons/catalogue.ts'
import { vars as addOnVars, type Options } from '../../roles/addons/vars.ts'
import type { KubernetesObject } from '../../roles/shared/kubernetes/chart.ts'
import { manifestText } from '../../roles/shared/kubernetes/manifest.ts'
import { longhorn, nfsClass, nfsDriver } from '../../roles/longhorn/templates.ts'
import { vars as longhornVars } from '../../roles/longhorn/vars.ts'
import { traefikConfig } from '../../roles/traefik/templates.ts'
import { vars as traefikVars } from '../../roles/traefik/vars.ts'
import { MODULES, validator } from './schemas.ts'

const vip = {
  ...{ name: 'web', ports: [80, 443], backendPorts: [80, 443], proxyProtocol: true },
} as unknown as Vip
const balancers = [{ nics: [{ address: '192.168.0.30' }] }] as unknown as Host[]
const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`
const secrets = {
  password: new Secret('it\'s "hidden": yes\\'),
  key: new Secret(pem('PRIVATE KEY') + pem('CERTIFICATE')),
}
const options = (more: object): Options => ({ state: 'present', ...secrets, ...more })

const ADD_ONS = Object.fromEntries(
  Object.keys(CATALOGUE).map(name => [
    name,
    name === 'redis'
      ? { password: secrets.password }
      : name === 'sealed_secrets'
        ? { key: secrets.key }
        : {},
  ]),
)

/** Every manifest, in every form that variables give it. */
const MANIFESTS: Readonly<Record<string, readonly KubernetesObject[]>> = {
  longhorn: [longhorn(longhornVars.parse({}))],
  nfs: [nfsDriver(longhornVars.parse({})), nfsClass('10.17.4.27', '/srv/nfs/shared')],
  traefik: [
    traefikConfig(vip, balancers, traefikVars.parse({ traefik_trusted_proxies: ['10.0.0.0/8'] })),
  ],
  'traefik on node ports': [
    traefikConfig(
      { ...vip, backendPorts: [30080, 30443] },
      balancers,
      traefikVars.parse({ traefik_exposure: 'nodeport' }),
    ),
  ],
  'traefik on host ports': [
    traefikConfig(vip, balancers, traefikVars.parse({ traefik_exposure: 'hostport' })),
  ],
  'traefik without the PROXY protocol': [
    traefikConfig({ ...vip, proxyProtocol: false }, balancers, traefikVars.parse({})),
  ],
  ...Object.fromEntries(
    Object.values(CATALOGUE).flatMap(entry =>
      [
        {},
        { host: 'page.cloud.internal', version: '9.9.9', values: { more: [1, { a: null }] } },
      ].map((more, i) => [
        `${entry.name} ${i === 0 ? 'by default' : 'with everything'}`,
        [
          ...entry.kinds(options(more)),
          ...entry.secrets(options(more)),
          entry.chart(options(more)),
          ...entry.objects(options(more)),
        ],
      ]),
    ),
  ),
}

t.test('every manifest is valid', t => {
  const wrong = validator()
  for (const [name, objects] of Object.entries(MANIFESTS)) {
    t.strictSame(objects.flatMap(wrong), [], name)
    t.strictSame(
      parseAllDocuments(manifestText('test', objects)).map(d => d.toJS() as unknown),
      JSON.parse(JSON.stringify(objects)),
      `${name}: the file says the same`,
    )
  }
  for (const chart of Object.values(MANIFESTS)
    .flat()
    .filter(o => o.kind.startsWith('HelmChart'))) {
    const spec = chart['spec'] as { valuesContent: string }
    t.type(parse(spec.valuesContent), 'object', `${chart.metadata.name}: its values are a map`)
    t.match(
      spec,
      { failurePolicy: 'retry', forceConflicts: true },
      `${chart.metadata.name}: a failed upgrade uninstalls nothing and can be repaired`,
    )
  }
  t.end()
})

t.test('an older K3s gets only fields that its helm-controller accepts', t => {
  const [older, newer] = [validator(MODULES.olderHelmController), validator()]
  const charts = (k3s_version: string): KubernetesObject[] => [
    longhorn(longhornVars.parse({ k3s_version })),
    nfsDriver(longhornVars.parse({ k3s_version })),
    traefikConfig(vip, balancers, traefikVars.parse({ k3s_version })),
    ...entries(addOnVars.parse({ addons: ADD_ONS }).addons, { k3s: k3s_version }).flatMap(
      ([entry, o]) => (o ? [entry.chart(o)] : []),
    ),
  ]
  for (const object of charts('v1.36.2+k3s1'))
    t.strictSame(older(object), [], `v1.36.2: ${object.kind} ${object.metadata.name}`)
  for (const object of charts('v1.36.3+k3s1')) {
    t.strictSame(newer(object), [], `v1.36.3: ${object.kind} ${object.metadata.name}`)
    for (const refused of [/failurePolicy must be equal/, /forceConflicts/])
      t.match(older(object).join('\n'), refused)
  }
  for (const [release, repairs] of [
    ['v1.31.12+k3s1', false],
    ['v1.33.13+k3s1', false],
    ['v1.34.9+k3s1', false],
    ['v1.34.10+k3s1', true],
    ['v1.35.6+k3s1', false],
    ['v1.35.7+k3s1', true],
    ['v1.36.2+k3s2', false],
    ['v1.36.3+k3s1', true],
    ['v1.36.77+k3s1', true],
    ['v1.37.0+k3s1', true],
    ['v2.0.0+k3s1', true],
  ] as const) {
    const [chart, , config] = charts(release)
    t.strictSame(
      [chart, config].map(o => {
        const { failurePolicy, forceConflicts } = o?.['spec'] as Record<string, unknown>
        return [failurePolicy, forceConflicts]
      }),
      repairs
        ? [
            ['retry', true],
            ['retry', true],
          ]
        : [
            ['abort', undefined],
            [undefined, undefined],
          ],
      release,
    )
  }
  t.end()
})

t.test('the validator finds what is wrong', t => {
  const wrong = validator()
  const [chart, storage] = [
    longhorn(longhornVars.parse({})),
    nfsClass('10.17.4.27', '/srv/nfs/shared'),
  ]
  const elastic = CATALOGUE.logging
    .objects(options({}))
    .find(o => o.kind === 'Elasticsearch') as KubernetesObject
  const kafka = CATALOGUE.kafka
    .objects(options({}))
    .find(o => o.kind === 'Kafka') as KubernetesObject
  const spec = chart['spec'] as object
  for (const [name, object, expected] of [
    ['an unknown field', { ...chart, spec: { ...spec, versoin: '1' } }, /versoin/],
    [
      'a wrong type',
      { ...chart, spec: { ...spec, createNamespace: 'yes' } },
      /createNamespace must be boolean/,
    ],
    [
      'a wrong word',
      { ...chart, spec: { ...spec, failurePolicy: 'panic' } },
      /failurePolicy must be equal/,
    ],
    ['an unknown kind', { ...chart, kind: 'HelmCharts' }, /no schema of/],
    ['an old version', { ...storage, apiVersion: 'storage.k8s.io/v1beta1' }, /no schema of/],
    ['something missing', { ...storage, provisioner: undefined }, /provisioner/],
    ['metadata', { ...storage, metadata: { name: 'x', label: {} } }, /label/],
    [
      'of Elastic',
      { ...elastic, spec: { ...(elastic['spec'] as object), nodeSet: [] } },
      /nodeSet/,
    ],
    ['of Strimzi', { ...kafka, spec: {} }, /kafka/],
  ] as const)
    t.match(wrong(object).join('\n'), expected, name)
  t.end()
})

t.test('schemas and charts are of the same versions', t => {
  const version = (name: keyof typeof CATALOGUE) =>
    (CATALOGUE[name].chart(options({}))['spec'] as { version: string }).version
  t.match(MODULES.elastic, `@v${version('logging')}`)
  t.end()
})
