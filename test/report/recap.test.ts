import t from 'tap'
import type { Counts } from '../../lib/engine/events.ts'
import type { RecapEvent } from '../../lib/engine/events.ts'
import { closing, recapTable } from '../../lib/report/recap.ts'
import { createStyle, noColor } from '../../lib/report/style.ts'

const zero: Counts = {
  ok: 0,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
}
const recap = (
  hosts: Record<string, Partial<Counts>>,
  rest: Partial<RecapEvent> = {},
): RecapEvent => {
  const full = Object.fromEntries(
    Object.entries(hosts).map(([host, c]) => [host, { ...zero, ...c }]),
  )
  const total = { ...zero }
  for (const counts of Object.values(full))
    for (const key of Object.keys(zero) as (keyof Counts)[])
      Object.assign(total, { [key]: total[key] + counts[key] })
  return {
    type: 'recap',
    dryRun: false,
    seconds: 12.3,
    hosts: full,
    exitCode: 0,
    ...total,
    ...rest,
  }
}
const mixed = recap({
  db: { ok: 12 },
  loadbalancer1: { ok: 3, changed: 4, unpredicted: 1 },
  worker1: { unreachable: 1 },
})

t.strictSame(recapTable(mixed, noColor), [
  'db            : ok=12  changed=0   skipped=0   failed=0   unreachable=0',
  'loadbalancer1 : ok=3   changed=4   skipped=0   failed=0   unreachable=0   unpredicted=1',
  'worker1       : ok=0   changed=0   skipped=0   failed=0   unreachable=1',
])
t.strictSame(
  recapTable(mixed, noColor, { fold: true }),
  [
    'loadbalancer1 : ok=3   changed=4   unreachable=0   unpredicted=1',
    'worker1       : ok=0   changed=0   unreachable=1',
    '1 host ok',
  ],
  'folded: what was only ok is one line, columns of zeros are left out',
)
t.strictSame(
  recapTable(mixed, noColor, { fold: true, columns: 54 }),
  [
    'loadbalancer1 : ok=3   changed=4   unpredicted=1',
    'worker1       : unreachable=1',
    '1 host ok',
  ],
  'narrow: only what is not zero',
)
void t.test('colours', async t => {
  const [line] = recapTable(recap({ a: { changed: 1 } }), await createStyle(true))
  t.match(line, '\u001b[33mchanged=1')
  t.match(line, '\u001b[2mfailed=0')
})

const sentences: [string, RecapEvent, string[]][] = [
  ['play site', recap({ a: { ok: 1 }, b: {} }), ['Changed 0 on 2 hosts in 12 s.']],
  ['play site', recap({ a: { changed: 2 } }), ['Changed 2 on 1 host, unpredicted 0, in 12 s.']],
  [
    'play site',
    recap({ a: { changed: 2, unpredicted: 1 }, b: { unneeded: 3 } }),
    ['Changed 2 on 1 of 2 hosts, unpredicted 1, in 12 s.', 'Predicted but not needed: 3.'],
  ],
  [
    'play site',
    recap({ a: { failed: 2 }, b: { unreachable: 1 } }, { exitCode: 2 }),
    ['Changed 0 on 2 hosts in 12 s.', '2 tasks failed, 1 host unreachable.'],
  ],
  [
    'play site',
    recap({ a: { changed: 1 } }, { exitCode: 130 }),
    [
      'Changed 1 on 1 host, unpredicted 0, in 12 s.',
      'Interrupted. Run the same command again: it continues from here.',
    ],
  ],
  ['play site', recap({ a: {} }, { dryRun: true }), ['Nothing would change on 1 host (12 s).']],
  [
    'fmc play site --limit web --dry-run',
    recap({ a: { changed: 1 }, b: { changed: 6 }, c: {} }, { dryRun: true }),
    [
      '7 changes would be made on 2 hosts (fmc play site --limit web without --dry-run makes them).',
    ],
  ],
  [
    'play site',
    recap({ a: { changed: 1 }, b: { changed: 6 } }, { dryRun: true, new: ['b'] }),
    [
      '7 changes would be made on 2 hosts, 1 host created (fmc play site without --dry-run makes them).',
    ],
  ],
  [
    'role nfs storage1 -C',
    recap({ a: { changed: 1 }, b: { unreachable: 1 } }, { dryRun: true }),
    [
      '1 change would be made on 1 host (fmc role nfs storage1 without --dry-run makes them).',
      '1 host unreachable: the prediction is incomplete there.',
    ],
  ],
]
for (const [command, event, wanted] of sentences)
  t.strictSame(closing(event, command, noColor), wanted, wanted[0] ?? '')

t.strictSame(
  recapTable(recap({ a: { ok: 1 }, b: { changed: 6 } }, { dryRun: true, new: ['b'] }), noColor),
  [
    'a : ok=1   changed=0   skipped=0   failed=0   unreachable=0',
    'b : ok=0   changed=6   skipped=0   failed=0   unreachable=0   will be created first',
  ],
)
t.notMatch(recapTable(recap({ b: {} }, { new: ['b'] }), noColor).join(), 'created', 'it is by now')
