import t from 'tap'
import type { FoundDomain } from '../../roles/hypervisor/vm/survey.ts'
import { lastCopies } from '../../roles/remove/copies.ts'
import { removal } from '../../roles/hypervisor/vm/remove-vm.ts'

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

t.test('a VM is removed, with or without its disks', t => {
  const disk = (serial: string, name: string) => ({ serial, file: `/p/${name}`, target: '' })
  const vm = {
    name: 'w1',
    state: 'running',
    disks: [disk('root', 'w1.qcow2'), disk('data', 'w1-data.qcow2'), disk('cidata', 'w1-seed.iso')],
  } as unknown as FoundDomain
  const what = (...a: Parameters<typeof removal>) => removal(...a).map(c => c.what)
  t.strictSame(what(vm, 'wipe'), ['shut down', 'delete /p/w1.qcow2, /p/w1-data.qcow2', 'undefine'])
  t.strictSame(what({ ...vm, state: 'shut off' }, 'keep'), [
    'keep /p/w1.qcow2 as /p/w1.qcow2.removed-…, /p/w1-data.qcow2',
    'undefine',
  ])
  const [, disks, undefine] = removal(vm, 'keep').map(c => String(c.script))
  t.notMatch(disks, /w1-data|rm /, 'what is kept is not touched')
  t.match(undefine, /rm -f -- '?\/p\/w1-seed.iso'? '?\/p\/w1.ign'?$/)
  t.end()
})
