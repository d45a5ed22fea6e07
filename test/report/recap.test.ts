import t from 'tap'
import type { Counts } from '../../lib/engine/events.ts'
import type { RecapEvent } from '../../lib/engine/events.ts'
import { closing } from '../../lib/report/closing.ts'
import { recapTable } from '../../lib/report/recap.ts'
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

const next = 'fmc play site --limit web'
const sentences: [RecapEvent, string[]][] = [
  [recap({ a: { ok: 1 }, b: {} }, { next }), ['Changed 0 on 2 hosts in 12 s.']],
  [recap({ a: { changed: 2 } }, { next }), ['Changed 2 on 1 host, unpredicted 0, in 12 s.']],
  [
    recap({ a: { changed: 2, unpredicted: 1 }, b: { unneeded: 3 } }),
    ['Changed 2 on 1 of 2 hosts, unpredicted 1, in 12 s.', 'Predicted but not needed: 3.'],
  ],
  [
    recap({ a: { failed: 2 }, b: { unreachable: 1 } }, { exitCode: 2, next }),
    [
      'Changed 0 on 2 hosts in 12 s.',
      '2 tasks failed, 1 host unreachable.',
      'To continue: fmc play site --limit web',
    ],
  ],
  [
    recap(
      { a: { failed: 1 }, b: { ok: 1 }, c: {}, d: {} },
      {
        exitCode: 2,
        next,
        stoppedBy: 'K3s servers',
        undone: { a: 1, d: 3 },
        notReached: { c: ['K3s agents'], d: ['K3s agents'] },
      },
    ),
    [
      'Changed 0 on 4 hosts in 12 s.',
      '1 task failed, 2 hosts not reached because the play K3s servers failed.',
      '4 planned changes not made: a 1, d 3.',
      'To continue: fmc play site --limit web',
    ],
  ],
  [
    recap({ a: { changed: 1 }, b: {} }, { exitCode: 130, next, notReached: { b: ['Web'] } }),
    [
      'Changed 1 on 1 of 2 hosts, unpredicted 0, in 12 s.',
      '1 host not reached.',
      'Interrupted.',
      'To continue: fmc play site --limit web',
    ],
  ],
  [
    recap({ a: {}, b: {} }, { exitCode: 2, next, locked: ['b'], undone: { a: 2 } }),
    [
      'Nothing was changed, because b is locked: 2 planned changes on 1 host (a) left undone.',
      'To continue: fmc play site --limit web',
    ],
  ],
  [recap({ a: {} }, { dryRun: true }), ['Nothing would change on 1 host (12 s).']],
  [
    recap({ a: {}, b: { unreachable: 1 } }, { dryRun: true, exitCode: 4 }),
    [
      'Nothing would change on 1 host (12 s).',
      '1 host unreachable: the prediction is incomplete there.',
    ],
  ],
  [
    recap({ a: { unreachable: 1 } }, { dryRun: true, exitCode: 4 }),
    ['No host was reached (12 s).', '1 host unreachable: the prediction is incomplete there.'],
  ],
  [
    recap({ a: { changed: 1 }, b: { changed: 6 }, c: {} }, { dryRun: true, next }),
    ['7 changes would be made on 2 hosts (12 s).', 'To make them: fmc play site --limit web'],
  ],
  [
    recap({ a: { changed: 1 }, b: { changed: 6 } }, { dryRun: true, new: ['b'] }),
    ['7 changes would be made on 2 hosts, 1 host created (12 s).'],
  ],
  [
    recap({ a: { changed: 1 }, b: { unreachable: 1 } }, { dryRun: true, next, exitCode: 4 }),
    [
      '1 change would be made on 1 host (12 s).',
      '1 host unreachable: the prediction is incomplete there.',
      'To make them: fmc play site --limit web',
    ],
  ],
  [
    recap(
      { a: { changed: 1 }, b: {} },
      {
        ...{ dryRun: true, next, exitCode: 130 },
        notReached: { b: ['Web'] },
      },
    ),
    [
      '1 change would be made on 1 host (12 s).',
      '1 host not reached: the prediction is incomplete there.',
      'Interrupted.',
    ],
  ],
]
for (const [event, wanted] of sentences)
  t.strictSame(closing(event, noColor), wanted, wanted.join(' '))

void t.test('what a host came to: every kind, alone and with a change before it', t => {
  const left = { notReached: { h: ['Web', 'Data', 'DNS'] } }
  const kinds: [Partial<Counts>, Partial<RecapEvent>, folded: string, row: string][] = [
    [{ ok: 2 }, {}, '1 host ok', 'ok=2 changed=0 skipped=0 failed=0 unreachable=0'],
    [{ skipped: 1 }, {}, '1 host ok', 'ok=0 changed=0 skipped=1 failed=0 unreachable=0'],
    [{ changed: 1 }, {}, 'h : changed=1', 'ok=0 changed=1 skipped=0 failed=0 unreachable=0'],
    [{ failed: 1 }, {}, 'h : failed=1', 'ok=0 changed=0 skipped=0 failed=1 unreachable=0'],
    [
      { failed: 1 },
      { undone: { h: 4 } },
      'h : failed=1 undone=4',
      'ok=0 changed=0 skipped=0 failed=1 unreachable=0 undone=4',
    ],
    [
      { unreachable: 1 },
      {},
      'h : unreachable=1',
      'ok=0 changed=0 skipped=0 failed=0 unreachable=1',
    ],
    [
      {},
      { notReached: { h: ['Web'] } },
      '1 host not reached: h',
      'ok=0 changed=0 skipped=0 failed=0 unreachable=0 not reached: Web',
    ],
    [
      {},
      { ...left, undone: { h: 2 } },
      '1 host not reached: h (undone=2)',
      'ok=0 changed=0 skipped=0 failed=0 unreachable=0 undone=2 not reached: Web and 2 more plays',
    ],
    [
      { ok: 3, changed: 1 },
      { ...left, undone: { h: 2 } },
      'h : ok=3 changed=1 undone=2 not reached: Web and 2 more plays',
      'ok=3 changed=1 skipped=0 failed=0 unreachable=0 undone=2 not reached: Web and 2 more plays',
    ],
    [
      { failed: 1 },
      { locked: ['h'] },
      'h : failed=1 locked',
      'ok=0 changed=0 skipped=0 failed=1 unreachable=0 locked',
    ],
    [
      {},
      { locked: ['x'], undone: { h: 2 } },
      'h : undone=2',
      'ok=0 changed=0 skipped=0 failed=0 unreachable=0 undone=2',
    ],
    [
      { changed: 1 },
      { dryRun: true, new: ['h'] },
      'h : changed=1 will be created first',
      'ok=0 changed=1 skipped=0 failed=0 unreachable=0 will be created first',
    ],
  ]
  const bare = (lines: string[]): string => lines.join('\n').replace(/ {2,}/g, ' ')
  for (const [counts, rest, folded, row] of kinds) {
    const event = recap({ h: counts }, rest)
    t.equal(bare(recapTable(event, noColor, { fold: true, columns: 79 })), folded)
    t.equal(bare(recapTable(event, noColor)), `h : ${row}`)
  }
  t.end()
})

void t.test('many hosts that were not reached are one line of the terminal', t => {
  const hosts = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`worker${n}`, {}]))
  const notReached = Object.fromEntries(Object.keys(hosts).map(host => [host, ['Web']]))
  const event = recap({ a: { failed: 1 }, ok: { ok: 1 }, ...hosts }, { exitCode: 2, notReached })
  const lines = recapTable(event, noColor, { fold: true, columns: 60 })
  t.strictSame(lines, [
    'a : failed=1',
    '100 hosts not reached: worker0, worker1, worker2, worker3, …',
    '1 host ok',
  ])
  t.end()
})

t.strictSame(
  recapTable(recap({ a: { ok: 1 }, b: { changed: 6 } }, { dryRun: true, new: ['b'] }), noColor),
  [
    'a : ok=1   changed=0   skipped=0   failed=0   unreachable=0',
    'b : ok=0   changed=6   skipped=0   failed=0   unreachable=0   will be created first',
  ],
)
t.notMatch(recapTable(recap({ b: {} }, { new: ['b'] }), noColor).join(), 'created', 'it is by now')
