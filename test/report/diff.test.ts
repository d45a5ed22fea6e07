import t from 'tap'
import { diffLines } from '../../lib/report/diff-lines.ts'
import { unifiedDiff } from '../../lib/text/diff.ts'
import { createStyle, noColor } from '../../lib/report/style.ts'

t.equal(unifiedDiff('/etc/a', 'x\n', 'x\n'), '', 'equal texts have no diff')
t.equal(
  unifiedDiff('/etc/a', '1\n2\n3\n4\n5\n', '1\n2\nthree\n4\n5\n', { context: 1 }),
  '--- /etc/a\n+++ /etc/a\n@@ -2,3 +2,3 @@\n 2\n-3\n+three\n 4\n',
)
t.equal(
  unifiedDiff('/etc/a', undefined, 'x\n'),
  '--- /dev/null\n+++ /etc/a\n@@ -0,0 +1,1 @@\n+x\n',
  'a file that is new',
)
t.equal(
  unifiedDiff('/etc/a', 'x\n', undefined),
  '--- /etc/a\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n',
  'a file that goes',
)
t.match(unifiedDiff('/etc/a', undefined, ''), /^--- \/dev\/null\n/, 'an empty file is not no file')
t.equal(
  unifiedDiff('/etc/a', 'x\n', 'x'),
  '--- /etc/a\n+++ /etc/a\n@@ -1,1 +1,1 @@\n-x\n+x\n\\ No newline at end of file\n',
  'a missing last line end is marked',
)
t.match(unifiedDiff('/a', 'x\r\n', 'x\n'), /^-x\r$/m, 'line ends are content')

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all)
t.equal(unifiedDiff('/a', 'x', bytes(0xff, 0xfe)), 'binary files differ (1 → 2 bytes)\n')
t.equal(unifiedDiff('/a', 'a\0b', 'ab'), 'binary files differ (3 → 2 bytes)\n')
t.equal(unifiedDiff('/a', bytes(0xff), bytes(0xff)), '', 'equal binary content')
t.equal(unifiedDiff('/a', undefined, bytes(0xff)), 'binary files differ (0 → 1 bytes)\n')
t.match(unifiedDiff('/a', bytes(97, 10), 'b\n'), /^-a\n\+b$/m, 'bytes of text are text')
t.equal(
  unifiedDiff('/a', 'x'.repeat(600_000), 'y'),
  'binary files differ (600000 → 1 bytes)\n',
  'huge content is not compared',
)
const many = (word: string): string =>
  Array.from({ length: 9000 }, (_, n) => `${word}${n}\n`).join('')
t.match(
  unifiedDiff('/a', many('a'), many('b')),
  /^files differ too much to show \(\d+ → \d+ bytes\)\n$/,
)

t.equal(
  unifiedDiff('/a', undefined, many('a')).split('\n').length,
  9004,
  'a long new file is shown',
)

void t.test('a diff is shown without control characters, and coloured only if asked', async t => {
  const diff = unifiedDiff('/a', 'old\u001b[2J\n', '-- new\n')
  t.strictSame(diffLines(diff, noColor), [
    '--- /a',
    '+++ /a',
    '@@ -1,1 +1,1 @@',
    '-old^[[2J',
    '+-- new',
  ])
  const colored = diffLines(diff, await createStyle(true))
  t.equal(colored[3], '\u001b[31m-old^[[2J\u001b[39m')
  t.equal(colored[4], '\u001b[32m+-- new\u001b[39m')
  t.strictSame(diffLines('binary files differ (1 → 2 bytes)\n', noColor), [
    'binary files differ (1 → 2 bytes)',
  ])
})
