import { spawnSync } from 'node:child_process'
import { scryptSync } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { UnreachableError } from '../../lib/errors.ts'
import { Secret, TaskError, type Host } from '../../lib/index.ts'
import { overlaid } from '../../roles/addons/add-on.ts'
import { budget, excess, memoryOf } from '../../roles/addons/budget.ts'
import { CATALOGUE, clusterOf, entries, wanted } from '../../roles/addons/catalogue.ts'
import { parts } from '../../roles/addons/catalogue/sealed-secrets.ts'
import { unfinished } from '../../roles/addons/crds.ts'
import { install } from '../../roles/addons/installation.ts'
import { illness, SERVED } from '../../roles/addons/ready.ts'
import { removal } from '../../roles/addons/removal.ts'
import { ignoredValues } from '../../roles/addons/value-advice.ts'
import { vars, type Name } from '../../roles/addons/vars.ts'
import { readTries } from '../../roles/shared/kubernetes/helm-pods.ts'
import { differences } from '../../roles/shared/kubernetes/charts.ts'

const worker = (memoryMb: number, sizeGb: number): Host =>
  ({ memoryMb, disks: [{ name: 'data', sizeGb }] }) as unknown as Host
const workers = [worker(8192, 40), worker(8192, 40), worker(8192, 40)]
const secret = new Secret('x')
const of = (...names: Name[]) =>
  vars.parse({
    addons: Object.fromEntries(
      names.map(n => [
        n,
        n === 'redis' ? { password: secret } : n === 'sealed_secrets' ? { key: secret } : {},
      ]),
    ),
  })
const ALL = Object.keys(CATALOGUE) as Name[]

t.test('no add-on by default; otherwise exactly the declared ones', t => {
  t.strictSame(wanted(vars.parse({}).addons), [])
  t.strictSame(
    wanted(of(...ALL).addons).map(a => a.name),
    ALL,
  )
  t.strictSame(wanted(vars.parse({ addons: { kafka: { state: 'absent' } } }).addons), [])
  t.notOk(vars.safeParse({ addons: { kafak: {} } }).success)
  t.notOk(vars.safeParse({ addons: { redis: {} } }).success, 'Redis needs a password')
  const values = { auth: { users: [{ password: secret }] } }
  t.match(
    vars.safeParse({ addons: { argocd: { values } } }).error?.issues,
    [{ message: /^values cannot contain a secret/ }],
    'its name would go there instead',
  )
  t.end()
})

t.test('a chart gets the sizes that the budget counts', t => {
  for (const entry of Object.values(CATALOGUE)) {
    const options = { state: 'present', password: secret } as never
    const text = JSON.stringify([entry.chart(options), entry.objects(options)])
    for (const pods of entry.pods)
      t.match(text, new RegExp(`memory\\W+${pods.memory}Mi`), `${entry.name}: ${pods.memory}Mi`)
    for (const volume of entry.volumes)
      t.match(text, `${volume.gib}Gi`, `${entry.name}: ${volume.gib}Gi`)
    t.ok(
      entry.pods.every(p => p.limit >= p.memory),
      `${entry.name}: no limit below what is asked for`,
    )
  }
  t.equal(memoryOf(CATALOGUE.logging, 3), 2048 + 1024 + 150 + 3 * 200, 'per node')
  t.end()
})

t.test('an add-on whose chart was never installed can be removed', t => {
  const script = removal({
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'Kafka',
    metadata: { name: 'kafka', namespace: 'kafka' },
  })
  const ends = (says: string, code: number): number | null =>
    spawnSync('sh', ['-ec', `k3s() { echo "${says}"; return ${code}; }; ${script}`]).status
  t.equal(ends('deleted', 0), 0)
  t.equal(ends(`error: the server doesn't have a resource type kafka`, 1), 0)
  t.equal(ends('connection refused', 1), 1)
  t.end()
})

t.test('lint warns when it does not fit', t => {
  t.match(
    excess(of(...ALL), workers),
    [{ message: /volumes take 135 GB .* have 96 GB/ }],
    'all at once fit into the memory of this cloud, not onto its disks',
  )
  t.strictSame(excess(of(...ALL.filter(n => n !== 'kafka')), workers), [])
  t.strictSame(excess(of(), []), [])
  t.match(excess(of('logging', 'kafka'), [worker(4096, 100), worker(4096, 100)]), [
    {
      message: /ask for 7\.\d GB of memory; the 2 nodes of workers have 4 GB/,
      hint: /kafka .*, logging/,
    },
  ])
  t.match(excess(of('kafka'), [worker(8192, 10), worker(8192, 10), worker(8192, 10)]), [
    { message: /take 45 GB of longhorn with their copies; .* have 24 GB/ },
  ])
  t.equal(
    budget(wanted(of('kafka').addons), workers.slice(0, 1)).disk,
    15,
    'no more copies than nodes',
  )
  t.end()
})

t.test('declared values override the catalogue’s', t => {
  t.strictSame(overlaid({ a: { b: 1, c: [1] }, d: 'x' }, { a: { c: [2], e: null }, d: { f: 1 } }), {
    a: { b: 1, c: [2], e: null },
    d: { f: 1 },
  })
  t.end()
})

/** The values of an add-on's chart. */
const valuesOf = (name: Name, more: object = {}): unknown =>
  parse(
    (
      CATALOGUE[name].chart({ state: 'present', password: secret, ...more })['spec'] as {
        valuesContent: string
      }
    ).valuesContent,
  )

t.test('what a chart would do otherwise', t => {
  const host = 'page.cloud.internal'
  for (const [name, more, expected] of [
    // The chart sets GOMEMLIMIT to Grafana's limit.
    [
      'monitoring',
      {},
      { grafana: { resources: { requests: { memory: '320Mi' }, limits: { memory: '1024Mi' } } } },
    ],
    ['monitoring', {}, { grafana: { sidecar: { resources: { limits: { memory: '192Mi' } } } } }],
    ['monitoring', {}, { prometheus: { prometheusSpec: { retentionSize: '6GB' } } }],
    ['jenkins', { host }, { controller: { jenkinsUrlProtocol: 'https' } }],
    ['jenkins', {}, { agent: { resources: { limits: { cpu: '2000m' } } } }],
    ['jenkins', { clusterDomain: 'k8s.lan' }, { clusterZone: 'k8s.lan' }],
    ['kafka', { clusterDomain: 'k8s.lan' }, { kubernetesServiceDnsDomain: 'k8s.lan' }],
    ['redis', { clusterDomain: 'k8s.lan' }, { clusterDomain: 'k8s.lan' }],
  ] as const)
    t.match(valuesOf(name, more), expected, name)
  t.notMatch(valuesOf('jenkins'), { controller: { jenkinsUrlProtocol: /./ } }, 'no page, no URL')
  t.match(CATALOGUE.kafka.chart({ state: 'present' })['spec'], {
    chart: 'oci://quay.io/strimzi-helm/strimzi-kafka-operator',
    repo: undefined,
  })
  t.end()
})

t.test('what charts need to know of the cluster comes from the variables of the servers', t => {
  const given = { k3s_cluster_domain: 'k8s.lan', k3s_version: 'v1.36.2+k3s1' }
  const own = vars.parse({ addons: { kafka: {} }, ...given })
  const all = entries(own.addons, clusterOf(own, 'cloud.internal'))
  const [[kafka, options] = []] = all.filter(([, o]) => o)
  t.match(options, { clusterDomain: 'k8s.lan', k3s: 'v1.36.2+k3s1', domain: 'cloud.internal' })
  t.match(kafka?.chart(options as never)['spec'], { failurePolicy: 'abort' })
  t.equal(vars.parse({}).k3s_cluster_domain, 'cluster.local')
  t.end()
})

t.test('another password of Redis makes another pod, and it is slow to guess', t => {
  const users = (text: string, more: object = {}): string =>
    (
      valuesOf('redis', { password: new Secret(text), ...more }) as {
        podAnnotations: Record<string, string>
      }
    ).podAnnotations['fmc/users'] ?? ''
  const domain = 'cloud.internal'
  t.equal(users('tulip', { domain }), users('tulip', { domain }))
  t.not(users('tulip', { domain }), users('tulips', { domain }))
  t.not(users('tulip', { domain }), users('tulip', { domain: 'other.internal' }), 'own salt')
  t.match(users('tulip', { domain }), /^[0-9a-f]{16}$/)
  t.equal(
    users('tulip', { domain }),
    scryptSync('tulip', 'fmc/users redis cloud.internal', 8, {
      N: 32_768,
      maxmem: 128 * 1024 * 1024,
    }).toString('hex'),
    'scrypt with twice the default cost, and a salt of this inventory',
  )
  const { addons } = of('redis')
  const [options] = entries(addons, { domain }).flatMap(([, o]) => (o ? [o] : []))
  t.match(options, { domain })
  t.end()
})

t.test('Filebeat reads every node’s logs, and old logs are deleted', t => {
  const objects = CATALOGUE.logging.objects({ state: 'present' })
  const find = (kind: string) => objects.find(o => o.kind === kind) as unknown
  t.match(find('Beat'), {
    spec: { daemonSet: { podTemplate: { spec: { tolerations: [{ operator: 'Exists' }] } } } },
  })
  const { data } = find('ConfigMap') as { data: Record<string, string> }
  t.match(find('Beat'), {
    spec: {
      config: {
        setup: {
          ilm: { overwrite: true, policy_file: `/etc/filebeat-lifecycle/${Object.keys(data)[0]}` },
        },
      },
    },
  })
  t.match(JSON.parse(Object.values(data)[0] ?? ''), {
    policy: { phases: { delete: { min_age: '3d', actions: { delete: {} } } } },
  })
  const manual = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
  for (const told of [
    /over one of the same name\W+\(`setup\.ilm\.overwrite`\)/,
    /deleted three days later[^]*logs that are there already/,
    /_ilm\/remove/,
  ])
    t.match(manual('roles/addons/README.md'), told, 'the manual says what is lost')
  t.match(
    manual('docs/own-cloud.md').split('\n## Upgrade\n')[1],
    /`logging`: [^]*deleted after three days, \*\*those that are there\s+already, too/,
  )
  t.end()
})

t.test('kinds that helm never upgrades are applied by a job for each version', t => {
  t.strictSame(
    ALL.filter(n => CATALOGUE[n].kinds({ state: 'present' }).length > 0).sort(),
    ['kafka', 'monitoring', 'sealed_secrets'],
    'the charts with a directory crds/',
  )
  const job = (name: Name, more: object = {}) => {
    const found = CATALOGUE[name].kinds({ state: 'present', ...more }).find(o => o.kind === 'Job')
    return { name: found?.metadata.name, text: JSON.stringify(found) }
  }
  t.equal(job('sealed_secrets').name, 'fmc-crds-sealed-secrets-2-19-1')
  t.equal(
    job('kafka', { version: '1.3.0-RC1+x' }).name,
    'fmc-crds-kafka-1-3-0-rc1-x',
    'another version is another job, with a name that Kubernetes takes',
  )
  t.match(
    job('kafka').text,
    'helm show crds oci://quay.io/strimzi-helm/strimzi-kafka-operator --version 1.2.0 > /work',
  )
  t.match(
    job('monitoring', { version: "1'; rm -rf /" }).text,
    /helm show crds kube-prometheus-stack --version .*'1'\\?.*rm -rf .* --repo https:/,
  )
  t.notMatch(job('kafka').text, '--repo')
  const wanted = CATALOGUE.kafka.kinds({ state: 'present' }).filter(o => o.kind === 'Job')
  t.strictSame(differences(wanted[0] as never, []), [
    'Job fmc-crds-kafka-1-2-0 is not in the cluster',
  ])
  t.strictSame(
    differences(wanted[0] as never, [{ kind: 'Job', metadata: { name: 'fmc-crds-kafka-1-2-0' } }]),
    [],
  )
  t.end()
})

t.test('a chart without kinds leaves its job something to apply', t => {
  const objects = CATALOGUE.kafka.kinds({ state: 'present' })
  const { template } = objects.find(o => o.kind === 'Job')?.['spec'] as {
    template: { spec: { initContainers: readonly { command: readonly string[] }[] } }
  }
  const script = template.spec.initContainers[0]?.command.at(-1) ?? ''
  const run = (helm: string) => {
    const dir = t.testdir({ helm: `#!/bin/sh\n${helm}\n` })
    chmodSync(join(dir, 'helm'), 0o755)
    const { status } = spawnSync('sh', ['-c', script.replaceAll('/work/', `${dir}/`)], {
      env: { PATH: `${dir}:/usr/bin:/bin` },
    })
    return { status, text: readFileSync(join(dir, 'crds.yaml'), 'utf8') }
  }
  const kinds = 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n'
  t.strictSame(run(`printf '${kinds}'`), { status: 0, text: kinds }, 'its kinds, as they are')
  for (const nothing of ['true', 'echo', 'echo ---']) {
    const { status, text } = run(nothing)
    t.equal(status, 0, nothing)
    t.match(parse(text), { kind: 'ServiceAccount', metadata: { name: 'fmc-crds-kafka' } }, nothing)
  }
  t.equal(run('echo no such version >&2; exit 3').status, 3, 'an error of helm stays one')
  const role = objects.find(o => o.kind === 'ClusterRole')
  t.match(role?.['rules'], [
    { resources: ['customresourcedefinitions'] },
    { resources: ['serviceaccounts'], resourceNames: ['fmc-crds-kafka'], verbs: ['get', 'patch'] },
  ])
  t.end()
})

t.test('why the job for kinds has not ended', t => {
  const told = (...items: readonly object[]) => {
    const tries = readTries(
      { code: 0, stdout: JSON.stringify({ items }), stderr: '' },
      { kind: 'Job', metadata: { name: 'j' } },
    )
    return typeof tries === 'string' ? tries : unfinished('j', tries)
  }
  const pod = (
    init: object,
    main: object = { state: { waiting: { reason: 'PodInitializing' } } },
  ) => ({
    metadata: { name: 'p' },
    status: { initContainerStatuses: [init], containerStatuses: [main] },
  })
  const ended = (exitCode: number, message: string) => ({
    terminated: { exitCode, reason: 'Error', message },
  })
  t.match(
    told(),
    /^the job j has not ended \(k3s kubectl -n kube-system logs job\/j --all-containers\)$/,
  )
  t.match(told(pod({ state: { running: {} } })), /^the job j has not ended \(k3s/, 'it runs')
  for (const reason of ['ErrImagePull', 'ImagePullBackOff'])
    t.equal(
      told(pod({ state: { waiting: { reason, message: 'no such host' } } })),
      `the job j has not ended: ${reason}: no such host`,
      'its first image',
    )
  t.equal(
    told(
      pod(
        { state: ended(0, '') },
        { state: { waiting: { reason: 'ErrImagePull', message: '403' } } },
      ),
    ),
    'the job j has not ended: ErrImagePull: 403',
    'its second image',
  )
  t.match(
    told(
      pod({
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: ended(1, 'a warning\nError: no chart of this version\n'),
      }),
    ),
    /^the job j failed \(4 tries\): Error: no chart of this version \(k3s kubectl/,
  )
  t.match(
    told(pod({ state: ended(0, '') }, { state: ended(1, 'error: no objects passed to apply') })),
    /^the job j failed \(1 try\): error: no objects passed to apply/,
  )
  t.end()
})

t.test('an add-on that fails holds no other one up, and fails the run at the end', async t => {
  const fails = (message: string, Kind = TaskError) => {
    throw new Error('the task', { cause: new Kind(message) })
  }
  const run = async (failing: Readonly<Record<string, () => never>> = {}) => {
    const done: string[] = []
    const step = (name: string) => (addOn: string) => {
      done.push(`${name} ${addOn}`)
      failing[`${name} ${addOn}`]?.()
      return Promise.resolve()
    }
    let failure: unknown
    await install(['seals', 'plain', 'watch', 'last'], {
      hasKinds: addOn => addOn === 'seals' || addOn === 'watch',
      prepare: step('prepare'),
      awaitKinds: step('kinds'),
      write: step('write'),
      awaitReady: step('ready'),
    }).catch((error: unknown) => void (failure = error))
    return { done: done.join(', '), failure: failure as Error | undefined }
  }
  const prepared =
    'prepare seals, prepare plain, prepare watch, prepare last, write plain, write last'
  t.strictSame(await run(), {
    done: `${prepared}, kinds seals, write seals, kinds watch, write watch, ready plain, ready last, ready seals, ready watch`,
    failure: undefined,
  })
  const blocked = await run({ 'kinds seals': () => fails('no image') })
  t.equal(
    blocked.done,
    `${prepared}, kinds seals, kinds watch, write watch, ready plain, ready last, ready watch`,
    'the chart without its kinds alone is left out',
  )
  t.match(blocked.failure?.cause, { message: 'no image' })
  const unready = await run({
    'ready plain': () => fails('first'),
    'ready seals': () => fails('second'),
  })
  t.match(unready.done, /ready plain, ready last, ready seals, ready watch$/)
  t.match(unready.failure?.cause, { message: 'first' })
  const lost = await run({ 'kinds seals': () => fails('lost', UnreachableError as never) })
  t.match(lost.done, /kinds seals$/, 'a host that does not answer is asked no more')
  const broken = await run({
    'ready plain': () => {
      throw new TypeError('a mistake')
    },
  })
  t.match(broken.done, /ready plain$/)
  t.end()
})

t.test('lint warns of values that the chart does not know', t => {
  const of = (addons: object) => ignoredValues(vars.parse({ addons }).addons).map(f => f.message)
  for (const [addons, expected] of [
    [{}, []],
    [{ monitoring: {} }, []],
    [
      { monitoring: { values: { grafana: { adminUser: 'root' }, defaultRules: { rules: {} } } } },
      [],
    ],
    [
      { monitoring: { values: { grafna: { adminUser: 'root' } } } },
      [/^monitoring\.values: the chart kube-prometheus-stack 88\.5\.3 has no key grafna, and helm/],
    ],
    [
      { kafka: { values: { resources: { any: 1 }, replica: 2, toleration: [] } } },
      [
        /^kafka\.values: the chart strimzi-kafka-operator 1\.2\.0 has no key replica,/,
        /no key toleration,/,
      ],
    ],
    [{ kafka: { version: '9.9.9', values: { nothing: 1 } } }, []],
    [{ kafka: { state: 'absent', values: { nothing: 1 } } }, []],
  ] as const) {
    const got = of(addons)
    t.equal(got.length, expected.length, got.join('; '))
    for (const [i, pattern] of expected.entries()) t.match(got[i], pattern)
  }
  t.end()
})

t.test('the key of Sealed Secrets', t => {
  const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\nBB==\n-----END ${label}-----\n`
  const both = { privateKey: pem('PRIVATE KEY'), certificate: pem('CERTIFICATE') }
  t.strictSame(parts(both.certificate + both.privateKey), both)
  t.strictSame(parts((both.privateKey + both.certificate).replaceAll('\n', '\r\n')), both)
  t.throws(() => parts(both.certificate), /has no private key in PEM/)
  t.throws(() => parts(both.privateKey), /has no certificate in PEM/)
  t.end()
})

t.test('the health that operators report', t => {
  const kafka = CATALOGUE.kafka.objects({ state: 'present' }).find(o => o.kind === 'Kafka')
  if (!kafka) throw new Error('no Kafka')
  const item = (status: object) => [
    { kind: 'Kafka', metadata: { name: 'kafka' }, status: { conditions: [], ...status } },
  ]
  for (const [items, expected] of [
    [[], ['Kafka kafka is not in the cluster yet']],
    [item({}), ['Kafka kafka: its operator reports nothing yet']],
    [
      item({ conditions: [{ type: 'Ready', status: 'False', message: 'no disk' }] }),
      ['Kafka kafka: no disk'],
    ],
    [item({ conditions: [{ type: 'Ready', status: 'True' }] }), []],
    [item({ health: 'red' }), ['Kafka kafka: red']],
    [item({ health: 'yellow' }), []],
    [item({ conditions: [{ type: 'Available', status: 'True' }] }), []],
    [
      item({ conditions: [{ type: 'Available', status: 'False', message: 'shard 0: no pod' }] }),
      ['Kafka kafka: shard 0: no pod'],
    ],
  ] as const)
    t.strictSame(illness(kafka, items as never), expected)
  t.end()
})

t.test('custom resources are asked for by their plural and their API group', t => {
  const served = ALL.flatMap(name => {
    const [entry] = wanted(of(name).addons)
    return entry?.objects(of(name).addons[name] as never).filter(o => o.kind in SERVED) ?? []
  })
  t.strictSame(
    [...new Set([...served.map(o => o.kind), ...ALL.flatMap(n => CATALOGUE[n].operated)])].sort(),
    Object.keys(SERVED).sort(),
  )
  for (const { kind, apiVersion } of served)
    t.match(
      SERVED[kind],
      new RegExp(
        `^${kind.toLowerCase()}e?s\\.${apiVersion.split('/')[0]?.replaceAll('.', '\\.')}$`,
      ),
    )
  t.end()
})
