import t from 'tap'
import type { TaskEvent } from '../../lib/engine/events.ts'
import { changeList } from '../../lib/report/changes.ts'
import { noColor } from '../../lib/report/style.ts'

const task = (host: string, rest: Partial<TaskEvent>): TaskEvent => ({
  type: 'task',
  host,
  play: 'Web',
  role: 'nginx',
  task: 'file /etc/x',
  status: 'changed',
  predicted: true,
  changes: [{ what: 'content', diff: '@@ -1 +1 @@\n-a\n+b\n' }],
  ms: 1,
  ...rest,
})
const options = { diff: false, columns: 80 }

t.strictSame(
  changeList(
    [
      task('web1', {}),
      task('web1', { task: 'service nginx', estimate: true, changes: [{ what: 'start' }] }),
      task('web1', { task: 'gate up', status: 'ok', changes: [], note: 'will wait for' }),
      task('web1', { task: 'directory /x', status: 'ok', changes: [] }),
    ],
    options,
    noColor,
  ),
  [
    'web1',
    [
      '  ~ nginx › file /etc/x: content',
      '  ? nginx › service nginx: start',
      '  · nginx › gate up: will wait for',
    ].join('\n'),
    '',
  ],
  'changes, estimates and what will be waited for; not what is ok',
)

t.strictSame(
  changeList([task('a', {})], { ...options, diff: true }, noColor)[1]?.split('\n'),
  ['  ~ nginx › file /etc/x: content', '      @@ -1 +1 @@', '      -a', '      +b'],
  'diffs below their task',
)

t.strictSame(
  changeList(
    [...Array(40).keys()].map(n => task(`web${n}`, {})).concat(task('other', { task: 'x' })),
    { ...options, columns: 40 },
    noColor,
  ).filter(line => !line.startsWith(' ')),
  ['40 hosts: web0, web1, web2, web3, web4,…', '', 'other', ''],
  'hosts with the same list share one',
)

t.match(changeList([task('a', { unpredicted: true })], options, noColor)[1], 'content; unpredicted')
