import t from 'tap'
import { pad, truncate, width } from '../../lib/report/width.ts'

const widths: [string, number][] = [
  ['', 0],
  ['abc', 3],
  ['\u001b[31mabc\u001b[39m', 3],
  ['naïve', 5],
  ['nai\u0308ve', 5],
  ['日本', 4],
  ['👩‍👩‍👧', 2],
  ['✓ ok', 4],
  ['a\u200bb', 2],
]
for (const [text, wanted] of widths) t.equal(width(text), wanted, JSON.stringify(text))

const cuts: [string, number, string][] = [
  ['abcdef', 6, 'abcdef'],
  ['abcdef', 5, 'abcd…'],
  ['abcdef', 1, '…'],
  ['abcdef', 0, ''],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  ['\u001b[31mabcdef\u001b[39m', 4, '\u001b[31mabc…\u001b[39m'],
  ['ab\u001b[1mcd\u001b[22mef', 3, 'ab\u001b[1m…\u001b[22m'],
  [
    '\u001b[31mab\u001b[39m\u001b[2mcdef\u001b[22m',
    4,
    '\u001b[31mab\u001b[39m\u001b[2mc…\u001b[22m',
  ],
]
for (const [text, room, wanted] of cuts)
  t.equal(truncate(text, room), wanted, `${JSON.stringify(text)} in ${room}`)

void t.test('a cut line is never wider than its room', t => {
  const text = 'a日\u001b[31m👩‍👩‍👧e\u0301\u001b[39mxyz日日'
  for (let room = 0; room < 15; room++) t.ok(width(truncate(text, room)) <= room, `in ${room}`)
  t.end()
})

t.equal(pad('日', 4), '日  ')
t.equal(pad('abcde', 4), 'abcde')
