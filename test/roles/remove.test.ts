import t from 'tap'
import { lastCopies } from '../../roles/remove/copies.ts'

const answer = (
  ...copies: readonly (readonly [volume: string, node: string, failed?: string])[]
) => ({
  code: 0,
  stderr: '',
  stdout: JSON.stringify({
    items: copies.map(([volumeName, nodeID, failedAt = '']) => ({
      spec: { volumeName, nodeID, failedAt },
    })),
  }),
})

for (const [what, copies, expected] of [
  ['no volumes', [], true],
  ['none here', [['v', 'w2']], true],
  [
    'another good one',
    [
      ['v', 'w1'],
      ['v', 'w2'],
    ],
    true,
  ],
  [
    'the only one',
    [
      ['v', 'w1'],
      ['w', 'w1'],
      ['w', 'w2'],
    ],
    /^v: the last good copy is on w1/,
  ],
  [
    'the other one has failed',
    [
      ['v', 'w1'],
      ['v', 'w2', '2026-11-21T18:00:00Z'],
    ],
    /^v: /,
  ],
  ['none anywhere is good', [['v', 'w1', '2026-11-21T18:00:00Z']], /^v: /],
] as const) {
  const got = lastCopies('w1', answer(...copies))
  if (expected === true) t.equal(got, true, what)
  else t.match(got, expected, what)
}
t.equal(
  lastCopies('w1', {
    code: 1,
    stdout: '',
    stderr: 'error: the server doesn\'t have a resource type "replicas"',
  }),
  true,
  'without Longhorn there is nothing to lose',
)
t.match(lastCopies('w1', { code: 1, stdout: '', stderr: 'x\ntimed out\n' }), /timed out/)
t.match(lastCopies('w1', { code: 0, stdout: '{', stderr: '' }), /unexpected/)
