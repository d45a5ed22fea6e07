import t from 'tap'
import { commandError } from '../../lib/engine/host/cause.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { canMoveCursor } from '../../lib/cli/print.ts'

void t.test('why a command failed: the cause first, without what the shell adds', t => {
  for (const [code, stderr, stdout, message, output] of [
    [3, 'no such rule\n', '', 'no such rule (exit code 3)', 'no such rule'],
    [
      127,
      '/bin/sh: 14: eval: foo: not found',
      '',
      'foo: not found (exit code 127)',
      'foo: not found',
    ],
    [
      127,
      'sh: line 3: foo: command not found',
      '',
      'foo: command not found (exit code 127)',
      'foo: command not found',
    ],
    [1, '', '', 'exit code 1, without any output', ''],
    [137, '', 'half done', 'half done (ended by signal 9)', 'half done'],
    [
      1,
      'Job for x.service failed because the control process exited.\nSee "journalctl -xeu x.service".',
      '',
      'Job for x.service failed because the control process exited. (exit code 1)',
      'Job for x.service failed because the control process exited.\nSee "journalctl -xeu x.service".',
    ],
    [
      1,
      'Traceback (most recent call last):\n  File "x", an error\nKeyError: 3',
      'Setting up',
      'KeyError: 3 (exit code 1)',
      'Setting up\nTraceback (most recent call last):\n  File "x", an error\nKeyError: 3',
    ],
    [2, 'the hush of night', '', 'the ‹secret› of night (exit code 2)', 'the ‹secret› of night'],
  ] as const)
    t.match(
      commandError({ code, stderr, stdout }, [new Secret('hush')]),
      { message, output },
      message,
    )
  t.match(
    commandError(
      {
        code: 65,
        stdout: '',
        stderr:
          "[ALERT] unknown keyword 'foo'\nFatal errors found\nvalidation failed with exit code 1: haproxy -c",
      },
      [],
    ),
    {
      message: "validation failed: [ALERT] unknown keyword 'foo' (exit code 1)",
      command: 'haproxy -c',
      output: "[ALERT] unknown keyword 'foo'\nFatal errors found",
    },
  )
  t.end()
})

void t.test('where a live view can be drawn', t => {
  t.ok(canMoveCursor({ TERM: 'xterm' }, true))
  t.ok(canMoveCursor({ CI: 'false' }, true))
  t.notOk(canMoveCursor({ TERM: 'dumb' }, true))
  t.notOk(canMoveCursor({ CI: 'true' }, true))
  t.notOk(canMoveCursor({}, false))
  t.end()
})
