// When fmc believes that helm has installed a chart, and what it says when helm has not.
import t from 'tap'
import { helmChart } from '../../roles/shared/kubernetes/chart.ts'
import { standing, type Progress } from '../../roles/shared/kubernetes/chart-gate.ts'
import type { Item } from '../../roles/shared/kubernetes/charts.ts'
import { errorIn, readTries } from '../../roles/shared/kubernetes/helm-pods.ts'
import { CONFIG_HASH, hashOf, readReleases } from '../../roles/shared/kubernetes/releases.ts'

const said = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr })
const [NOW, OLD] = ['1', '0'].map(n => n.repeat(63)) as [string, string]
const chart = helmChart({
  ...{ name: 'app', chart: 'app', repo: 'https://charts.example', version: '1.2.3' },
  ...{ namespace: 'app', values: {}, k3s: undefined },
}) as unknown as Item
const conditions = (...types: readonly string[]) => ({
  conditions: types.map(type => ({ type, status: 'True', message: 'the message' })),
})
/** A job whose hash is one character longer than a label may be. */
const job = (hash: string, uid = 'job-2', ...types: readonly string[]): Item => ({
  kind: 'Job',
  metadata: { name: 'helm-install-app', uid },
  spec: { template: { metadata: { annotations: { [CONFIG_HASH]: `SHA256=${hash}1` } } } },
  status: conditions(...types),
})
const release = (revision: number, status: string, hash: string) => ({ revision, status, hash })
const NO_TRIES = { failures: 0 }

t.test('a chart is installed when its newest release is deployed with the hash of its job', t => {
  const missing = (known: Partial<Progress>, of: Item = chart, before?: string) =>
    standing('app', of, { job: job(NOW), releases: [], tries: NO_TRIES, ...known }, before)
  for (const [name, known, expected] of [
    ['installed', { releases: [release(1, 'deployed', NOW)] }, undefined],
    [
      'installed again',
      { releases: [release(2, 'deployed', NOW), release(1, 'failed', NOW)] },
      undefined,
    ],
    [
      'an older klipper-helm sets no label',
      { job: job(NOW, 'job-2', 'Complete'), releases: [release(1, 'deployed', '')] },
      undefined,
    ],
    [
      'and its job has not ended',
      { releases: [release(1, 'deployed', '')] },
      /^helm is installing app$/,
    ],
    ['no job', { job: undefined }, /has not begun with this app yet/],
    ['no release yet', {}, /^helm is installing app$/],
    ['the release of other values', { releases: [release(1, 'deployed', OLD)] }, /is installing/],
    [
      'a job that completes because its second pod finds a failed release',
      { job: job(NOW, 'job-2', 'Complete'), releases: [release(1, 'failed', NOW)] },
      /could not install app: its log says no more/,
    ],
    ['an upgrade that runs', { releases: [release(2, 'pending-upgrade', NOW)] }, /is installing/],
    [
      'a failed upgrade beside what ran before',
      { releases: [release(2, 'failed', NOW), release(1, 'deployed', NOW)] },
      /could not install app/,
    ],
    [
      'failed with other values, and helm is at the new ones',
      { releases: [release(1, 'failed', OLD)] },
      /^helm is installing app$/,
    ],
    [
      'failed with these values, twice',
      { releases: [release(2, 'failed', NOW), release(1, 'failed', NOW)], error: 'no such field' },
      /could not install app \(2 tries\): no such field \(k3s kubectl -n kube-system logs/,
    ],
    [
      'a crash loop before any release',
      { tries: { failures: 7, said: 'exit code 1 after “Installing helm chart”' } },
      /could not install app \(7 tries\): exit code 1 after “Installing helm chart”/,
    ],
    [
      'jobs that end in vain one after another, with exit code 0',
      { ended: 4, error: 'chart "app" version "9" not found' },
      /\(4 tries\): chart "app" version "9" not found/,
    ],
    [
      'its pod waits',
      { tries: { failures: 0, waits: 'ImagePullBackOff: no such host' } },
      /^helm is installing app; ImagePullBackOff: no such host$/,
    ],
  ] as const) {
    const { missing: got } = missing(known)
    if (expected === undefined) t.equal(got, undefined, name)
    else t.match(got, expected, name)
  }
  t.match(
    missing({ releases: [release(1, 'deployed', NOW)] }, chart, 'job-2').missing,
    /has not begun/,
    'the job from before the change, with its own release',
  )
  t.equal(missing({ releases: [release(1, 'deployed', NOW)] }, chart, 'job-1').missing, undefined)
  for (const [name, known, of] of [
    ['a job that gave up', { job: job(NOW, 'j', 'Failed') }, chart],
    ['a chart that gave up', {}, { ...chart, status: conditions('Failed') }],
    ['no job can be made', { job: undefined }, { ...chart, status: conditions('Failed') }],
  ] as const) {
    const { missing: got, over } = missing(known, of)
    t.match(got, /could not install app: /, name)
    t.equal(over, true, name)
  }
  t.end()
})

t.test('a release is read from the labels of helm’s Secrets, as kubectl prints them', t => {
  const hash = 'A'.repeat(63)
  const releases = (...answer: Parameters<typeof said>): ReturnType<typeof readReleases> =>
    readReleases(said(...answer), 'app', 'web')
  const type = 'helm.sh/release.v1'
  t.strictSame(
    releases(
      `web     sh.helm.release.v1.app.v9    ${type}   1      20h   app     9    failed     ${hash}\n` +
        `web     sh.helm.release.v1.app.v10   ${type}   1      3s    app     10   deployed   \n` +
        `web     sh.helm.release.v1.app.v8    ${type}   1      3d2h  app     8    superseded <none>\n` +
        `web     sh.helm.release.v1.other.v7  ${type}   1      3d2h  other   7    deployed   <none>\n` +
        `default sh.helm.release.v1.app.v6    ${type}   1      3d2h  app     6    deployed   <none>\n`,
    ),
    [release(10, 'deployed', ''), release(9, 'failed', hash), release(8, 'superseded', '')],
    'by number, not by name; not those of other releases and namespaces',
  )
  t.strictSame(releases('', 0, 'No resources found\n'), [])
  t.match(releases('', 1, 'x\nconnection refused\n'), /connection refused/)
  t.match(releases('', 127), /does not answer/)
  t.match(releases('web a b c d app f g\n'), /cannot read: web a b c d app f g/)
  t.strictSame(releases('web a b c d other f g\n'), [], 'another one may be odd')
  t.match(releases('web a b c d app 1\n'), /cannot read: web a b c d app 1/)
  t.match(releases('one\u001b[2J\n'), /cannot read: one\\u001b\[2J/)
  t.equal(hashOf(job(NOW)), NOW, 'cut as a label is')
  t.equal(hashOf({ kind: 'Job', metadata: { name: 'x' } }), undefined)
  t.end()
})

t.test('what helm’s pods say', t => {
  const pod = (name: string, created: string, uid: string, container: object, more = {}) => ({
    metadata: {
      name,
      creationTimestamp: created,
      labels: { 'batch.kubernetes.io/controller-uid': uid },
    },
    status: { containerStatuses: [container], ...more },
  })
  const end = (exitCode: number, message = '', reason = 'Error') => ({
    terminated: { exitCode, reason, message },
  })
  const tries = (...items: readonly object[]) =>
    readTries(said(JSON.stringify({ items })), job(NOW))
  t.strictSame(tries(), { failures: 0, pod: undefined, said: undefined, waits: undefined })
  t.match(
    tries(
      pod('p1', '2026-01-01T00:00:01Z', 'job-2', {
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 20s' } },
        lastState: end(1, 'Installing helm chart\n'),
      }),
    ),
    {
      failures: 3,
      pod: { name: 'p1', again: true },
      said: 'exit code 1 after “Installing helm chart”',
      waits: undefined,
    },
    'between two tries',
  )
  t.match(
    tries(
      pod('old', '2026-01-01T00:00:00Z', 'job-1', { restartCount: 9, lastState: end(1) }),
      pod('p2', '2026-01-01T00:00:02Z', 'job-2', { restartCount: 0, state: { running: {} } }),
      pod('p1', '2026-01-01T00:00:01Z', 'job-2', {
        restartCount: 1,
        state: end(137, '', 'OOMKilled'),
        lastState: end(1),
      }),
    ),
    { failures: 2, pod: { name: 'p2', again: false }, said: 'OOMKilled' },
    'the pods of this job alone; the newest is the one to ask',
  )
  t.match(
    tries(
      pod(
        'p',
        '2026',
        'job-2',
        { state: end(0) },
        {
          conditions: [{ type: 'PodScheduled', status: 'True' }],
        },
      ),
    ),
    { failures: 0, said: undefined, waits: undefined },
  )
  t.match(
    tries(
      pod('p', '2026', 'job-2', {
        state: { waiting: { reason: 'ErrImagePull', message: 'x\ny' } },
      }),
    ),
    { waits: 'ErrImagePull: x\\ny' },
  )
  t.match(
    readTries(
      said(
        JSON.stringify({
          items: [
            {
              metadata: { name: 'p' },
              status: {
                conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes' }],
              },
            },
          ],
        }),
      ),
      { kind: 'Job', metadata: { name: 'x' } },
    ),
    { waits: 'no node takes its pod: 0/3 nodes' },
  )
  t.match(readTries(said('', 1, 'refused'), job(NOW)), /refused/)
  t.equal(
    errorIn(said('x\nError: first\n+ exit\nError: UPGRADE FAILED: \u001b]no\n')),
    'UPGRADE FAILED: \\u001b]no',
  )
  t.equal(errorIn(said('Upgrading app\n')), undefined)
  t.end()
})
