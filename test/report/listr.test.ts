import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { createReport } from '../../lib/report/index.ts'
import { Sink, print } from './sink.ts'
import { events, hundred, twelve } from './streams.ts'

/** What a terminal shows of a stream that only moves up, clears and prints lines: its last lines. */
const screen = (text: string): string[] => {
  const lines: string[] = ['']
  let row = 0
  for (const part of text.split(/(\u001b\[[0-9?]*[A-Za-z]|\n|\r)/)) {
    const up = /^\u001b\[(\d+)A$/.exec(part)
    if (up) row -= Number(up[1])
    else if (part === '\n') lines[++row] ??= ''
    else if (part === '\u001b[J') lines.splice(row, Infinity, '')
    else if (part !== '' && !part.startsWith('\u001b') && part !== '\r') lines[row] = part
    if (row < 0) throw new Error('moved above the first line')
  }
  return lines
}
const run = (script = twelve(false, true)): Event[] => events(script).map(([, event]) => event)

void t.test(
  'the tree is drawn in place and ends as the final one, failures and recap below',
  async t => {
    const { out } = await print('tty', run())
    const lines = screen(out)
    t.equal(lines[0], '✓ Hypervisor  1 ok')
    t.ok(lines.includes('✗ postgresql1: the new content is not valid; the old file is in place'))
    const text = lines.join('\n')
    t.match(text, '\n  in: postgresql › file /etc/postgresql/15/main/conf.d/fmc.conf\n')
    t.match(text, '    ^[[31mHINT^[[0m:  Valid units')
    t.match(text, '\n6 hosts ok\n')
    t.match(
      text,
      'Changed 12 on 5 of 12 hosts, unpredicted 1, in 15 s.\n1 task failed, 1 host unreachable.\n',
    )
    t.notMatch(text, 'Planning', 'nothing of the live view is left')
    t.notMatch(text, '~ haproxy-keepalived ›', 'a run lists its changes only with --diff')
  },
)

void t.test('without colour only cursor movements are sent, with it colours too', async t => {
  const plain = (await print('tty', run())).out
  t.strictSame(
    plain.match(/\u001b\[[0-9;?]*[a-zA-Z]/g)?.filter(code => code.endsWith('m')),
    [],
  )
  t.match((await print('tty', run(), { color: true })).out, '\u001b[31m✗')
})

void t.test('a warning in colour is its text and nothing else', async t => {
  const [version, start, ...rest] = run(twelve(true)) as [Event, Event, ...Event[]]
  const warn = (text: string): Event => ({ type: 'note', level: 'warning', text })
  const all = [version, start, warn('the first'), warn('the second'), ...rest]
  for (const more of [[], [{ type: 'page', title: 'All', findings: [] } as const]]) {
    const checked = more.length > 0 && start.type === 'start'
    const begin = checked ? ({ ...start, readOnly: true } as const) : start
    const { out } = await print('tty', [version, begin, ...all.slice(2), ...more], { color: true })
    const shown = out.split('\n').map(line => line.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, ''))
    t.strictSame(
      shown.filter(line => line.startsWith('fmc: warning: ')),
      ['fmc: warning: the first', 'fmc: warning: the second'],
    )
  }
})

void t.test('a dry run lists what would change, with diffs when asked', async t => {
  const { out } = await print('tty', run(twelve(true)))
  const text = screen(out).join('\n')
  t.match(text, '2 hosts: loadbalancer1, loadbalancer2\n')
  t.match(
    text,
    '  ~ haproxy-keepalived › file /etc/haproxy/haproxy.cfg: content, mode 0600 → 0644\n',
  )
  t.match(text, '  ? haproxy-keepalived › service haproxy: enable, start\n')
  t.match(text, '\n12 changes would be made on 5 hosts (5.2 s).\n')
  t.notMatch(text, '@@')
  t.match(
    screen((await print('tty', run(twelve(true)), { diff: true })).out).join('\n'),
    '      @@ -1,4',
  )
})

void t.test('frames follow the terminal size and stay within it', async t => {
  const [stdout, stderr] = [new Sink({ columns: 40, rows: 12 }), new Sink()]
  const report = await createReport('tty', {
    stdout,
    stderr,
    color: false,
    columns: 200,
    rows: 200,
    diff: false,
    verbose: false,
  })
  const all = run(hundred(false))
  const half = all.findIndex(event => event.type === 'pass' && event.pass === 'apply')
  for (const event of all.slice(0, half)) report.on(event)
  const seen = stdout.chunks.length
  await new Promise<void>(done => {
    const poll = setInterval(() => {
      if (stdout.chunks.length < seen + 2) return
      clearInterval(poll)
      done()
    }, 10)
  })
  const frame = stdout.chunks.at(-1) ?? ''
  t.ok(frame.split('\n').length <= 12, 'no more lines than rows')
  t.ok(frame.split('\n').every(line => line.replace(/\u001b\[[0-9]*[A-Z]|\r/g, '').length < 40))
  for (const event of all.slice(half)) report.on(event)
  await report.end()
})

void t.test('foreign output is held back until the tree is finished', async t => {
  const stdout = new Sink()
  const stderr = new Sink()
  const report = await createReport('tty', {
    stdout,
    stderr,
    color: false,
    columns: 80,
    rows: 24,
    diff: false,
    verbose: false,
  })
  const [version, start, ...rest] = run()
  report.on(version!)
  report.on(start!)
  stderr.write('a stray warning\n')
  t.equal(stderr.text, '')
  for (const event of rest) report.on(event)
  await report.end()
  t.match(stderr.text, 'a stray warning')
  t.ok(stdout.text.includes('\u001b[?25h'), 'the cursor is shown again')
})

void t.test('notes before the tree are printed at once, warnings during it below it', async t => {
  const early: Event = { type: 'note', level: 'info', text: 'booting the lab' }
  const late: Event = { type: 'note', level: 'warning', text: 'swap is on', host: 'db' }
  const all = run()
  const { out, err } = await print('tty', [early, ...all.slice(0, 5), late, ...all.slice(5)])
  t.equal(err.trim(), 'fmc: booting the lab')
  t.match(screen(out).join('\n'), '\nfmc: warning: db: swap is on\n')
})

void t.test('a run that never starts prints nothing but its recap', async t => {
  const { out } = await print('tty', [])
  t.equal(out, '')
})

void t.test('no listener for signals or exit is left behind', async t => {
  const before = [process.listenerCount('SIGINT'), process.listenerCount('exit')]
  await print('tty', run())
  t.strictSame([process.listenerCount('SIGINT'), process.listenerCount('exit')], before)
})
