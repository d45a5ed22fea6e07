// --shard: which part a host is in, what cannot be split, the key of all parts; and the manifests of fmc shard.
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { play, playbook } from '../../lib/engine/define/playbook.ts'
import { role } from '../../lib/engine/define/role.ts'
import type { SelectedPlay } from '../../lib/engine/define/select.ts'
import {
  manifestOf,
  demandShardCommand,
  SHARD_KINDS,
  type ShardKind,
} from '../../lib/cli/manifests.ts'
import { sameCommand } from '../../lib/cli/own-flags.ts'
import { demandShardable, isInShard, parseShard, shardKey, shardOf } from '../../lib/cli/shard.ts'
import { traceOf } from '../../lib/notify/spans.ts'
import { service } from '../notify/service.ts'
import { run, ROOT } from '../rig/lab.ts'
import { until } from '../rig/until.ts'

void t.test('--shard: I of N', t => {
  t.same(parseShard('2/5'), { index: 2, of: 5 })
  t.same(parseShard('1/1'), { index: 1, of: 1 })
  for (const text of [
    '0/5',
    '6/5',
    '5',
    '1/0',
    '1/2/3',
    'a/b',
    '1/1001',
    '-1/2',
    '1/2 ',
    '١/٢',
    '',
  ])
    t.throws(() => parseShard(text), { name: 'UsageError', message: /expected I\/N/ }, text)
  t.end()
})

void t.test('every host is in exactly one part, and stays there when others come', t => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
      fc.integer({ min: 1, max: 50 }),
      (host, of) => {
        const parts = Array.from({ length: of }, (_, i) => isInShard(host, { index: i + 1, of }))
        return parts.filter(Boolean).length === 1
      },
    ),
  )
  const sizes = [1, 2, 3, 4].map(
    index =>
      Array.from({ length: 500 }, (_, i) => `node${i}`).filter(h => isInShard(h, { index, of: 4 }))
        .length,
  )
  t.ok(
    sizes.every(n => n > 95 && n < 155),
    `of 500 hosts: ${sizes.join(', ')}`,
  )
  t.equal(
    isInShard('worker1', { index: 1, of: 2 }),
    true,
    'the split is part of the contract: it never changes',
  )
  t.equal(isInShard('web1', { index: 1, of: 2 }), false)
  t.end()
})

const motd = role({
  name: 'motd',
  summary: 'x',
  vars: z.object({}),
  tasks: () => Promise.resolve(),
})
const selected = (
  one: ReturnType<typeof play>,
  hosts: readonly string[] = ['a', 'b'],
): SelectedPlay =>
  ({ play: one, hosts: hosts.map(name => ({ name })), roles: [motd] }) as unknown as SelectedPlay

void t.test('what cannot be split says which play and why', t => {
  const flat = play('Flat', { hosts: 'all', roles: [motd] })
  const refused = (stages: readonly SelectedPlay[][], book = playbook('site', [flat])): string => {
    try {
      demandShardable(book, stages)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(refused([[selected(flat)]]), '')
  const rolling = [
    [play('Servers', { hosts: 'all', roles: [motd], serial: 1 }), 'serial: 1 hosts at a time'],
    [
      play('Servers', { hosts: 'all', roles: [motd], serial: ['20%'] as never }),
      'serial: ["20%"] hosts',
    ],
    [
      play('Servers', {
        hosts: 'all',
        roles: [motd],
        invariant: { name: 'quorum', check: () => Promise.resolve(true) },
      }),
      'an invariant between its hosts',
    ],
    [
      play('Servers', { hosts: 'all', roles: [motd], order: () => Promise.resolve(1) }),
      'an order of its hosts',
    ],
  ] as const
  for (const [one, why] of rolling)
    t.match(
      refused([[selected(flat)], [selected(one)]]),
      `--shard: the play Servers is a rolling play (${why}`,
    )
  const health = { name: 'health', conclude: () => ({ title: 'Health', findings: [] }) }
  t.match(
    refused([], health as never),
    '--shard: health comes to its result from all hosts together',
  )
  t.end()
})

void t.test('the part of what the other options select', t => {
  const flat = play('Flat', { hosts: 'all', roles: [motd] })
  const names = Array.from({ length: 30 }, (_, i) => `h${i}`)
  const stages = [[selected(flat, names)]]
  const parts = [1, 2, 3].map(index => shardOf(stages, { index, of: 3 }))
  t.same(parts.flatMap(part => [...part]).sort(), [...names].sort())
  t.same([...shardOf([[selected(flat, ['web1'])]], { index: 1, of: 2 })], [], 'a part may be empty')
  t.end()
})

void t.test('all parts have the same key, other runs have another', t => {
  const key = (argv: string[], env = {}, revision = 'abc'): string => shardKey(argv, revision, env)
  t.equal(key(['play', 'site', '--shard', '1/4']), key(['play', 'site', '--shard', '4/4']))
  t.equal(key(['play', 'site', '--shard=1/4']), key(['play', '--shard', '2/4', 'site']))
  t.not(key(['play', 'site', '--shard', '1/4']), key(['play', 'other', '--shard', '1/4']))
  t.not(key(['play', 'site']), key(['play', 'site'], {}, 'def'))
  t.equal(key([], { FMC_SHARD_KEY: 'a-1', GITHUB_RUN_ID: '2' }), 'a-1')
  t.equal(key([], { GITHUB_RUN_ID: '7', GITHUB_RUN_ATTEMPT: '2' }), 'github-7-2')
  t.equal(key([], { CI_PIPELINE_ID: '9\n' }), 'gitlab-9')
  t.throws(() => key([], { FMC_SHARD_KEY: 'a b' }), { name: 'UsageError' })
  t.equal(
    sameCommand('play site', { inventory: 'inventory.yaml', limit: ['web'], shard: '2/5' }),
    'fmc play site --limit web --shard 2/5',
    'a command to continue has the same part',
  )
  t.end()
})

const text = z.string().min(1)
const mount = z.strictObject({
  name: text,
  mountPath: text.regex(/^\//),
  readOnly: z.boolean().optional(),
})
/** The fields of batch/v1 Job that fmc uses (kubernetes.io/docs/reference/kubernetes-api). Nothing else may be there. */
const JOB = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata: z.strictObject({ name: text.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/) }),
  spec: z.strictObject({
    completionMode: z.literal('Indexed'),
    completions: z.int().min(1),
    parallelism: z.int().min(1),
    backoffLimit: z.int().min(0),
    template: z.strictObject({
      spec: z.strictObject({
        // Of a Job only Never and OnFailure are allowed.
        restartPolicy: z.enum(['Never', 'OnFailure']),
        automountServiceAccountToken: z.literal(false),
        securityContext: z.strictObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.int().min(1),
          runAsGroup: z.int().min(1),
          fsGroup: z.int().min(1),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        containers: z.tuple([
          z.strictObject({
            name: text,
            image: text,
            workingDir: text,
            command: z.array(text).min(1),
            env: z.array(
              z.union([
                z.strictObject({ name: text, value: text }),
                z.strictObject({
                  name: text,
                  valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: text }) }),
                }),
              ]),
            ),
            securityContext: z.strictObject({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
            }),
            volumeMounts: z.array(mount),
          }),
        ]),
        volumes: z.array(
          z.union([
            z.strictObject({
              name: text,
              secret: z.strictObject({ secretName: text, defaultMode: z.int().min(0).max(0o777) }),
            }),
            z.strictObject({
              name: text,
              emptyDir: z.strictObject({ medium: z.literal('Memory').optional() }),
            }),
            z.strictObject({
              name: text,
              persistentVolumeClaim: z.strictObject({ claimName: text }),
            }),
          ]),
        ),
      }),
    }),
  }),
})
const env = z.record(text, z.string())
/** A workflow (json.schemastore.org/github-workflow.json), as far as fmc uses it. */
const WORKFLOW = z.strictObject({
  name: text,
  on: z.strictObject({ workflow_dispatch: z.strictObject({}) }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  concurrency: z.strictObject({ group: text, 'cancel-in-progress': z.boolean() }),
  jobs: z.strictObject({
    fmc: z.strictObject({
      'runs-on': text,
      strategy: z.strictObject({
        'fail-fast': z.literal(false),
        matrix: z.strictObject({ shard: z.array(z.int()).min(1).max(256) }),
      }),
      steps: z.array(
        z.union([
          z.strictObject({
            uses: text,
            with: z.record(text, z.union([z.string(), z.int()])).optional(),
            if: text.optional(),
          }),
          z.strictObject({ name: text.optional(), run: text, env: env.optional() }),
        ]),
      ),
    }),
  }),
})
/** A job of .gitlab-ci.yml, as far as fmc uses it (docs.gitlab.com/ci/yaml). */
const PIPELINE = z.strictObject({
  fmc: z.strictObject({
    image: text,
    parallel: z.int().min(2).max(200),
    resource_group: text,
    variables: env,
    script: z.array(text),
    artifacts: z.strictObject({
      when: z.literal('always'),
      paths: z.array(text),
      reports: z.strictObject({ junit: text }),
    }),
  }),
})
const SCHEMAS: Readonly<Record<ShardKind, z.ZodType>> = {
  kubernetes: JOB,
  github: WORKFLOW,
  gitlab: PIPELINE,
}

/** The manifest for the whole site in three parts. */
const siteIn = (kind: ShardKind, records?: string): unknown =>
  manifestOf(kind, { jobs: 3, words: ['play', 'site'], image: 'x', name: 'fmc', records }).data

void t.test('manifests keep to their schema, and every part is run once', t => {
  for (const kind of SHARD_KINDS)
    for (const records of [undefined, 'records']) {
      const words = ['play', 'site', '--limit', "web:!web3's"]
      const { data } = manifestOf(kind, {
        jobs: 3,
        words,
        image: 'example/x',
        name: 'fmc',
        records,
      })
      const { error } = SCHEMAS[kind].safeParse(data)
      t.equal(error, undefined, `${kind}: ${error?.message ?? ''}`)
      const said = JSON.stringify(data)
      t.match(
        said,
        JSON.stringify(`npx fmc play site --limit 'web:!web3'\\''s' --shard `).slice(1, -1),
        'quoted',
      )
    }
  const job = JOB.parse(siteIn('kubernetes', 'r'))
  const { containers, volumes } = job.spec.template.spec
  t.same(
    containers[0].volumeMounts.map(m => m.name).sort(),
    volumes.map(v => v.name).sort(),
    'every volume is mounted',
  )
  t.equal(job.spec.completions, job.spec.parallelism)
  t.match(
    containers[0].command[2],
    'exec npx fmc play site --shard "$((JOB_COMPLETION_INDEX + 1))/3"',
  )
  const workflow = WORKFLOW.parse(siteIn('github'))
  t.same(workflow.jobs.fmc.strategy.matrix.shard, [1, 2, 3])
  t.end()
})

void t.test('the script of the Kubernetes Job gives each pod its part', async t => {
  const last =
    JOB.parse(siteIn('kubernetes'))
      .spec.template.spec.containers[0].command[2]?.split('\n')
      .at(-1) ?? ''
  for (const index of [0, 2]) {
    const { stdout } = await run(['/bin/sh', '-euc', last.replace('exec npx fmc', 'exec echo')], {
      env: { JOB_COMPLETION_INDEX: String(index) },
    })
    t.equal(stdout, `play site --shard ${index + 1}/3\n`)
  }
})

void t.test('a CI system’s keys are there for fmc, and nowhere afterwards', async t => {
  const dir = t.testdir({
    home: { '.ssh': { id_ed25519: 'the runner’s own' } },
    tmp: {},
    bin: {
      npx: '#!/bin/sh\nssh-add -l\ncat -- "$FMC_AGE_IDENTITY"\necho "agent $SSH_AGENT_PID"\n',
    },
  })
  chmodSync(join(dir, 'bin/npx'), 0o755)
  await run([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    'of the CI',
    '-f',
    join(dir, 'key'),
  ])
  const key = readFileSync(join(dir, 'key'), 'utf8').trimEnd()
  const step = WORKFLOW.parse(siteIn('github')).jobs.fmc.steps.flatMap(s =>
    'run' in s && s.name === 'fmc' ? [s.run] : [],
  )
  const script = PIPELINE.parse(siteIn('gitlab')).fmc.script.slice(1)
  for (const text of [step.join('\n'), `${script.join('\n')}; cat fmc.xml`]) {
    const { code, stdout, stderr } = await run(
      ['bash', '-ec', text.replace(/\$\{\{[^}]*\}\}/, '1')],
      {
        cwd: dir,
        env: {
          PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`,
          ...{ HOME: join(dir, 'home'), TMPDIR: join(dir, 'tmp') },
          ...{ IDENTITY: 'AGE', FMC_IDENTITY: 'AGE', SSH_KEY: key, FMC_SSH_KEY: key },
        },
      },
    )
    t.equal(code, 0, stderr)
    const [, pid = ''] = /ED25519[^]*\nAGE\nagent (\d+)\n$/.exec(stdout) ?? []
    t.not(pid, '', stdout)
    await until(() => Promise.resolve(!existsSync(`/proc/${pid}`)), 10, 'the agent ends')
    t.strictSame(readdirSync(join(dir, 'tmp')), [])
    t.equal(readFileSync(join(dir, 'home/.ssh/id_ed25519'), 'utf8'), 'the runner’s own')
  }
})

void t.test('fmc shard prints YAML, and refuses what cannot be split', async t => {
  const fmc = (...args: string[]) => run([process.execPath, `${ROOT}/lib/bin.js`, 'shard', ...args])
  const { stdout, code } = await fmc('--jobs', '4', '--', 'role', 'motd', 'web')
  t.equal(code, 0)
  t.match(
    JOB.parse(parse(stdout)).spec.template.spec.containers[0].command[2],
    'npx fmc role motd web --shard',
  )
  for (const words of [
    ['lint'],
    ['play', 'site', '--shard', '1/2'],
    ['play', 'site', '--lab'],
    ['play', 'site', '-K'],
  ])
    t.throws(() => demandShardCommand(words), { name: 'UsageError' }, words.join(' '))
})

void t.test(
  'an empty part does nothing, says so, leaves a record for fmc runs merge, and is told like every run',
  async t => {
    const { got, url } = await service(t)
    const dir = t.testdir({
      'inventory.yaml':
        'timezone: UTC\ndomain: shard.internal\nnetworks:\n  lan: {cidr: 192.0.2.0/24, mode: bridge}\nhosts:\n  web1: {os: debian 12, nics: [{network: lan, address: 192.0.2.2}]}\n' +
        `hooks:\n  on_success: [{ type: webhook, url: "${url}/done" }]\n`,
      playbooks: {
        'site.ts':
          "import { play, playbook, role, z } from 'fmc'\nconst motd = role({ name: 'motd', summary: 'x', vars: z.object({}), async tasks() {} })\nexport default playbook('site', [play('Welcome', { hosts: 'all', roles: [motd] })])\n",
      },
    })
    const fmc = (...args: string[]) =>
      run([process.execPath, `${ROOT}/lib/bin.js`, ...args], {
        cwd: dir,
        env: {
          FMC_CACHE: `${dir}/cache`,
          FMC_STATE: `${dir}/state`,
          FMC_SHARD_KEY: 'night-1',
          OTEL_EXPORTER_OTLP_ENDPOINT: url,
        },
      })
    const { code, stdout, stderr } = await fmc('play', 'site', '--shard', '1/2', '--output', 'json')
    t.equal(code, 0, stderr)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as object)
    t.match(lines.at(-1), { type: 'recap', exitCode: 0, hosts: {} })
    t.match(stderr, 'no selected host is in part 1/2: nothing to do')
    const [record = ''] = readdirSync(`${dir}/state/fmc/runs`)
    const text = readFileSync(`${dir}/state/fmc/runs/${record}`, 'utf8')
    const { id } = JSON.parse(text.split('\n')[1] ?? '') as { id: string }
    t.match(JSON.parse(text.split('\n')[1] ?? ''), { shard: { index: 1, of: 2, key: 'night-1' } })
    t.same(got.map(one => one.url).sort(), ['/done', '/v1/traces'])
    t.match(JSON.parse(got.find(one => one.url === '/done')?.body ?? ''), {
      ...{ event: 'success', command: 'play site', run: id, exitCode: 0, hosts: 0 },
    })
    t.match(got.find(one => one.url === '/v1/traces')?.body, `"traceId":"${traceOf(id)}"`)
  },
)
