import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { cleanBlock, cleanLine, safeJson } from '../../lib/text/sanitise.ts'
import { pad, width } from '../../lib/report/width.ts'
import { print } from './sink.ts'

/** What a terminal obeys or hides, whatever the pattern in sanitise.ts says: names of Unicode, then the characters. */
const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ['OSC 52, which writes the clipboard', '\u001b]52;c;cm0gLXJmIC8K\u0007'],
  ['the same begun by C1', '\u009d52;c;cm0gLXJmIC8K\u009c'],
  ['CSI of C1', '\u009b2J'],
  ['DEL', '\u007f'],
  ['carriage return', 'fine\rfailed'],
  ['backspace', 'abc\b\b\b'],
  ['soft hyphen', 'a\u00adb'],
  ['combining grapheme joiner', 'a\u034fb'],
  ['Arabic letter mark', 'a\u061cb'],
  ['Hangul fillers', 'a\u115f\u1160\u3164\uffa0b'],
  ['Khmer inherent vowels', 'a\u17b4\u17b5b'],
  ['Mongolian vowel separator and selectors', 'a\u180b\u180c\u180d\u180e\u180fb'],
  ['zero width space, joiners, direction marks', 'a\u200b\u200c\u200d\u200e\u200fb'],
  ['line and paragraph separator', 'a\u2028\u2029b'],
  ['embeddings and overrides', 'a\u202a\u202b\u202c\u202d\u202eb'],
  ['word joiner and invisible operators', 'a\u2060\u2061\u2062\u2063\u2064\u2065b'],
  [
    'isolates and deprecated marks',
    'a\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206fb',
  ],
  ['variation selectors', 'a\ufe00\ufe0fb'],
  ['byte order mark', '\ufeffa'],
  ['interlinear annotation', 'a\ufff9b\ufffac\ufffb'],
  ['noncharacters', 'a\uffff\ufdd0b'],
  ['lone surrogates', 'a\ud800b\udc00'],
  ['tags', 'a\u{e0001}\u{e0041}\u{e007f}b'],
  ['variation selectors supplement', 'a\u{e0100}\u{e01ef}b'],
  ['shorthand and musical format controls', 'a\u{1bca0}\u{1d173}b'],
  ['private use', 'a\ue000\u{f0000}b'],
  ['a mark on nothing', '\u0338ok'],
  ['a mark on a line end', 'a\n\u0338ok'],
  ['marks without end', `a${'\u0301'.repeat(50)}b`],
]

/** Code points that must not be there, by a list of their own. */
const isHostile = (char: string): boolean => {
  const code = char.codePointAt(0) ?? 0
  const between = (from: number, to: number): boolean => code >= from && code <= to
  return (
    (code < 0x20 && char !== '\n') ||
    between(0x7f, 0x9f) ||
    [0xad, 0x34f, 0x61c, 0x180e, 0x3164, 0xfeff, 0xffa0].includes(code) ||
    between(0x115f, 0x1160) ||
    between(0x17b4, 0x17b5) ||
    between(0x180b, 0x180f) ||
    between(0x200b, 0x200f) ||
    between(0x2028, 0x202e) ||
    between(0x2060, 0x206f) ||
    between(0xd800, 0xdfff) ||
    between(0xe000, 0xf8ff) ||
    between(0xfdd0, 0xfdef) ||
    between(0xfe00, 0xfe0f) ||
    between(0xfff0, 0xfffb) ||
    between(0xfffe, 0xffff) ||
    between(0x1bca0, 0x1bca3) ||
    between(0x1d173, 0x1d17a) ||
    between(0xe0000, 0xe0fff) ||
    code >= 0xf0000
  )
}
const hostileIn = (text: string): string[] => [
  ...Array.from(text).filter(isHostile),
  ...(text.match(/(?:^|[\n ])\p{M}|\p{M}{5}/gu) ?? []),
]

void t.test('one line, a block and JSON: nothing that a terminal obeys or hides is left', t => {
  for (const [what, text] of HOSTILE) {
    t.strictSame(hostileIn(cleanLine(text)), [], `line: ${what}`)
    t.strictSame(hostileIn(cleanBlock(text).replaceAll('\t', '')), [], `block: ${what}`)
    for (const indent of [undefined, 2]) {
      const json = safeJson({ [text]: [text] }, indent)
      t.strictSame(hostileIn(json), [], `JSON: ${what}`)
      t.strictSame(JSON.parse(json), { [text]: [text] }, `and back: ${what}`)
    }
    const line = cleanLine(text)
    t.equal(cleanLine(line), line, `twice is once: ${what}`)
    if (/^[ -~]*$/.test(line)) t.equal(width(line), line.length, `as wide as it is shown: ${what}`)
    t.equal(width(pad(line, 400)), 400, `padded: ${what}`)
  }
  t.end()
})

void t.test('every code point, between two letters', t => {
  for (let plane = 0; plane <= 0x10; plane++) {
    const chars = Array.from({ length: 0x10000 }, (_, i) =>
      String.fromCodePoint(plane * 0x10000 + i),
    )
    const text = chars.join('a')
    t.strictSame(hostileIn(cleanLine(text)), [], `plane ${plane}`)
    const json = safeJson(text)
    t.strictSame(hostileIn(json), [], `plane ${plane} as JSON`)
    t.ok(JSON.parse(json) === text, 'which comes back')
  }
  t.end()
})

void t.test('text that people write stays as it is', t => {
  for (const text of [
    'naïve',
    'nai\u0308ve',
    'Việt Nam',
    'שָׁלוֹם',
    'हिन्दी',
    'ภาษาไทย',
    '日本語',
    '✓ → … 🚀 👍🏽',
  ])
    t.equal(cleanLine(text), text)
  t.end()
})

/** A run in which every text that comes from elsewhere is hostile. */
const run = (bad: string): Event[] => {
  const at = { host: bad, play: bad, role: bad, task: bad }
  const failure = { message: bad, hint: bad, command: bad, output: `${bad}\n${bad}` }
  const counts = {
    ok: 1,
    changed: 1,
    skipped: 0,
    failed: 1,
    unreachable: 1,
    unpredicted: 1,
    unneeded: 1,
  }
  const changes = [{ what: bad, diff: `--- ${bad}\n+++ ${bad}\n@@ -1 +1 @@\n-${bad}\n+${bad}\n` }]
  return [
    { type: 'version', fmc: '1', contract: 1 },
    {
      type: 'start',
      command: `play ${bad}`,
      dryRun: false,
      lab: false,
      plays: [{ play: bad, hosts: [bad], roles: [bad] }],
      hosts: [bad],
    },
    { type: 'note', level: 'warning', text: bad, host: bad },
    { type: 'note', level: 'info', text: bad },
    { type: 'host', host: bad, state: 'new', by: bad },
    { type: 'pass', pass: 'apply', state: 'start' },
    { type: 'play', play: bad, state: 'start', hosts: [bad] },
    { type: 'working', ...at, text: bad },
    {
      type: 'task',
      ...at,
      status: 'changed',
      predicted: false,
      changes,
      ms: 1,
      note: bad,
      unpredicted: true,
    },
    { type: 'task', ...at, status: 'failed', predicted: true, changes: [], ms: 1, failure },
    { type: 'host', host: `${bad}2`, state: 'unreachable', failure },
    {
      type: 'page',
      title: bad,
      findings: [{ level: 'broken', text: bad, details: [bad], hint: bad }],
    },
    {
      type: 'recap',
      dryRun: false,
      seconds: 1,
      exitCode: 2,
      new: [bad],
      hosts: { [bad]: counts, [`${bad}2`]: counts },
      ...counts,
    },
  ]
}

/** Ours: colours, and where the tree is drawn. */
const OWN = /\u001b\[(?:[0-9;]*m|\d*[AJK]|\?25[lh])|\r/g

void t.test('no report prints any of it, whatever event it comes in', async t => {
  for (const kind of ['plain', 'tty', 'json'] as const)
    for (const color of [false, true])
      for (const [what, text] of HOSTILE.filter(
        ([, s]) => !s.includes('\n') && !s.includes('\r'),
      )) {
        const { out, err } = await print(kind, run(text), {
          color,
          diff: true,
          verbose: true,
          columns: 200,
        })
        t.strictSame(hostileIn(out.replace(OWN, '')), [], `${kind}: ${what}`)
        t.strictSame(hostileIn(err.replace(OWN, '')), [], `${kind}, stderr: ${what}`)
        t.notMatch(out, /\u001b\]|\u001b\[2J/, `${kind}: ${what}`)
      }
})
