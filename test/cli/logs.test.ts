import t from 'tap'
import { logScript } from '../../lib/cli/commands/logs.ts'
import { UsageError } from '../../lib/errors.ts'
import { Kept } from '../../lib/cli/stream-view.ts'
import { redactor } from '../../lib/secrets/redact.ts'
import { Secret } from '../../lib/secrets/secret.ts'

const HEAD = 'exec journalctl --no-pager --quiet --output=short-iso'

void t.test('what journalctl gets', t => {
  const rows = [
    [['sshd'], { lines: '50' }, '--unit=sshd --lines=50'],
    [['a@b.service', 'k3s-*'], { lines: '1' }, "--unit=a@b.service --unit='k3s-*' --lines=1"],
    [['sshd'], { lines: '5', follow: true }, '--unit=sshd --lines=5 --follow'],
    [['sshd'], { lines: '50', since: '10 min ago' }, "--unit=sshd '--since=10 min ago'"],
    [
      ['sshd'],
      { lines: '50', since: 'today', follow: true },
      '--unit=sshd --since=today --follow --no-tail',
    ],
    [['sshd'], { lines: '50', since: "'; id" }, "--unit=sshd '--since='\\''; id'"],
  ] as const
  for (const [units, o, words] of rows) t.equal(logScript(units, o), `${HEAD} ${words}`)
  t.end()
})

void t.test('what is no unit, number or time', t => {
  for (const unit of ['', '-f', 'a b', 'a;id', '$(id)', 'a/b', 'ä', 'x'.repeat(256), 'a\n'])
    t.throws(() => logScript([unit], { lines: '1' }), UsageError, unit)
  for (const lines of ['0', '-1', 'x', '1.5', ''])
    t.throws(() => logScript(['sshd'], { lines }), UsageError, lines)
  for (const since of ['', ' ', '-1h', 'a\nb', '\u001b'])
    t.throws(() => logScript(['sshd'], { lines: '1', since }), UsageError, since)
  t.end()
})

void t.test('what is kept of long output ends before a secret that the cut has shortened', t => {
  const hide = redactor([new Secret('canary-of-a-stream')])
  const short = new Kept(10)
  short.push(Buffer.from('0123canary-of-a-stream'))
  t.equal(short.text(hide), '0123‹secret›')
  t.notOk(short.truncated)
  const long = new Kept(10)
  for (let i = 0; i < 9; i++) long.push(Buffer.from('canary-of-a-stream'.repeat(99)))
  t.ok(long.truncated)
  t.notMatch(long.text(hide), 'canary')
  t.end()
})
