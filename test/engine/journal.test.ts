import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../lib/engine/host/journal.ts'

const HOUR = 3600 * 1000
const NOW = Date.UTC(2026, 0, 2)
const JOB = ['inventory.yaml', 'reboot', 'workers', { drain: 3 }]

void t.test('a failed job can be resumed for twelve hours', t => {
  for (const [what, left, found] of [
    ['a moment ago', `${NOW}\n`, NOW],
    ['eleven hours ago', `${NOW - 11 * HOUR}\n`, NOW - 11 * HOUR],
    ['twelve hours ago', `${NOW - 12 * HOUR}\n`, undefined],
    ['tomorrow: the clock was wrong', `${NOW + 24 * HOUR}\n`, undefined],
    ['cut off by a full disk', '', undefined],
    ['not a time', 'soon\n', undefined],
  ] as const) {
    const journal = new Journal(t.testdir(), JOB)
    journal.begin(NOW)
    writeFileSync(journal.file, left)
    t.equal(journal.unfinished(NOW), found, what)
  }
  t.end()
})

void t.test('a job is one command with its options, for one inventory', t => {
  const dir = t.testdir({ other: {} })
  const journal = new Journal(dir, JOB)
  t.equal(journal.unfinished(NOW), undefined, 'none yet')
  journal.begin(NOW)
  t.equal(new Journal(dir, JOB).unfinished(NOW), NOW)
  t.equal(new Journal(dir, [...JOB.slice(0, 3), { drain: 8 }]).unfinished(NOW), undefined)
  t.equal(new Journal(join(dir, 'other'), JOB).unfinished(NOW), undefined, 'those of another lab')
  journal.end()
  t.equal(journal.unfinished(NOW), undefined)
  t.strictSame(readdirSync(join(dir, 'jobs')), [], 'nothing is left')
  journal.end()
  t.end()
})
