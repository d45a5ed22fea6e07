import t from 'tap'
import { cleanBlock, cleanLine } from '../../lib/text/sanitise.ts'

const lines: [string, string][] = [
  ['plain täxt → ✓', 'plain täxt → ✓'],
  ['\u001b[31mred\u001b[0m', '^[[31mred^[[0m'],
  ['\u001b]0;title\u0007', '^[]0;title^G'],
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\u0000\u007f', '^@^?'],
  ['\u009b31m', '\\x9b31m'],
  ['user\u202etxt.exe', 'user\\u{202e}txt.exe'],
  ['a\u2028b', 'a\\u{2028}b'],
]
for (const [given, wanted] of lines) t.equal(cleanLine(given), wanted, `one line: ${wanted}`)

const blocks: [string, string][] = [
  ['one\r\n\ttwo\r\n\n', 'one\n\ttwo'],
  ['10%\r20%', '10%^M20%'],
  ['\u001b[2J\nx', '^[[2J\nx'],
]
for (const [given, wanted] of blocks)
  t.equal(cleanBlock(given), wanted, `block of ${JSON.stringify(given)}`)

void t.test('no byte below 0x20 or between 0x7f and 0x9f is left', t => {
  const all = String.fromCharCode(...Array(256).keys())
  t.notMatch(cleanLine(all), /[\u0000-\u001f\u007f-\u009f]/)
  t.notMatch(cleanBlock(all), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  t.end()
})
