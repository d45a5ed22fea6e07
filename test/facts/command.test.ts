import t from 'tap'
import { command } from '../../lib/facts/command.ts'
import { ask } from '../../lib/facts/index.ts'
import { facts, table } from './helpers.ts'

const M = '\x1emark:'
void t.test('command', t =>
  table(t, command, [
    {
      what: 'two',
      mark: M,
      args: ['a', 'b'],
      out: `out a${M}0\x1dout b${M}3\x1d`,
      err: `err a${M}${M}`,
      facts: [
        { code: 0, stdout: 'out a', stderr: 'err a' },
        { code: 3, stdout: 'out b', stderr: '' },
      ],
    },
    {
      what: 'output that looks like an end',
      mark: M,
      args: ['a'],
      out: `0\x1d\x1e9\x1d${M}0\x1d`,
      err: M,
      facts: [{ code: 0, stdout: '0\x1d\x1e9\x1d', stderr: '' }],
    },
    { what: 'an answer too few', mark: M, args: ['a', 'b'], out: `${M}0\x1d`, err: M },
    { what: 'an answer too many', mark: M, args: ['a'], out: `${M}0\x1d${M}0\x1d`, err: M + M },
    { what: 'a code that no process has', mark: M, args: ['a'], out: `${M}9999\x1d`, err: M },
    { what: 'no code', mark: M, args: ['a'], out: `${M}x\x1d`, err: M },
    { what: 'stderr cut off', mark: M, args: ['a'], out: `${M}0\x1d`, err: '' },
  ]),
)

void t.test('real commands', t => {
  const odd = [
    ['exit 7', 7],
    ['false; true', 0],
    ['if', 2],
    ["echo 'unfinished", 2],
    ['no_such_program', 127],
    ['cat', 0],
    ['exec 2>&1; set -e; false; echo never', 1],
  ] as const
  for (const [text, code] of odd) t.match(facts(ask('command', text)), [{ code }], text)
  t.match(
    facts(
      ask('command', 'printf "\\036\\035\\000x\\n\\n"'),
      ask('command', 'printf "a" >&2; printf b'),
    ),
    [
      { code: 0, stdout: '\x1e\x1d\0x\n\n', stderr: '' },
      { code: 0, stdout: 'b', stderr: 'a' },
    ],
    'nothing is lost and nothing is mixed up',
  )
  const [huge] = facts(ask('command', 'head -c 4000000 /dev/zero | tr "\\0" x')) as [
    { stdout: string },
  ]
  t.equal(huge.stdout.length, 4_000_000)
  t.throws(
    () => facts(ask('command', 'head -c 8000000 /dev/zero | tr "\\0" x')),
    /more than \d+ bytes/,
  )
  t.end()
})
