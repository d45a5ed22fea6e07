import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { Journal } from '../../lib/engine/host/journal.ts'
import { Questions } from '../../lib/engine/host/questions.ts'
import { batch, type Query } from '../../lib/facts/index.ts'

const GOOD: Query = { family: 'path', arg: '/etc/fstab' }
const LINE: Query = { family: 'line', arg: '/etc/fstab\0a line' }

const memory = (t: Test): { questions: Questions; file: string } => {
  const dir = t.testdir({})
  const questions = new Questions(dir, 'inventory.yaml', 'play site', 'web1')
  questions.save([GOOD, LINE], [])
  const [name = ''] = readdirSync(join(dir, 'questions'))
  return { questions, file: join(dir, 'questions', name) }
}

void t.test('what was asked is remembered', t => {
  t.strictSame(memory(t).questions.load(), [GOOD, LINE])
  t.end()
})

void t.test('a file with nonsense costs time, but fails no run', t => {
  const { questions, file } = memory(t)
  const q = (family: unknown, arg: unknown): string => JSON.stringify([{ family, arg }, GOOD])
  for (const text of [
    ...['', '{', 'null', '7', '"x"', '{}', '[]', '[[]]', '[null]', '\0', '\0'.repeat(1000), '[{}]'],
    ...[
      q('path', '/a\0b'),
      q('command', 'true\0'),
      q('user', '\0'),
      q('unit', 'a\0b'),
      q('pending', '\0'),
    ],
    ...[
      q('path', '\ud800'),
      q('path', 7),
      q('path', null),
      q('path', { length: 1 }),
      q('path', ['x']),
    ],
    ...[
      q('toString', 'x'),
      q('__proto__', 'x'),
      q('constructor', 'x'),
      q('nothing', 'x'),
      q(7, 'x'),
    ],
    ...[q('line', 'no NUL'), q('line', 'a\0b\0c'), q('line', '')],
    `[{"__proto__":{"family":"path","arg":"x"}},${JSON.stringify(GOOD)}]`,
  ]) {
    writeFileSync(file, text)
    const found = questions.load()
    t.ok(Array.isArray(found), JSON.stringify(text).slice(0, 60))
    t.notMatch(batch(found).script, /[\0\p{Cs}]/u, 'it can be sent')
    if (text.endsWith(`${JSON.stringify(GOOD)}]`))
      t.strictSame(found.at(-1), GOOD, 'the sound ones are kept')
  }
  t.end()
})

void t.test(
  'a file that another user could have written is ignored: its questions would run as root',
  t => {
    for (const [what, spoil] of [
      ['another’s file', (file: string) => chownSync(file, 4242, 0)],
      ['mode 0666', (file: string) => chmodSync(file, 0o666)],
      ['a directory', (file: string) => (rmSync(file), mkdirSync(file))],
      ['a FIFO', (file: string) => (rmSync(file), execFileSync('mkfifo', [file]))],
      ['a link', (file: string) => (rmSync(file), symlinkSync(`${file}.theirs`, file))],
    ] as const) {
      const { questions, file } = memory(t)
      writeFileSync(`${file}.theirs`, JSON.stringify([GOOD]))
      spoil(file)
      t.strictSame(questions.load(), [], what)
      t.doesNotThrow(() => questions.save([GOOD], []), what)
    }
    t.end()
  },
)

void t.test(
  'the journal: nonsense is a new job, and a file that cannot be written is reported',
  t => {
    const dir = t.testdir({ file: 'x' })
    const journal = new Journal(dir, ['reboot'])
    t.equal(journal.begin(Date.now()), true)
    t.type(journal.unfinished(), 'number')
    for (const text of [
      '',
      '\0',
      'NaN',
      'Infinity',
      '1e999',
      '0x10',
      '-1',
      '9'.repeat(400),
      '[]',
      ' \n',
    ]) {
      writeFileSync(journal.file, text)
      t.equal(journal.unfinished(), undefined, JSON.stringify(text).slice(0, 30))
    }
    chownSync(journal.file, 4242, 0)
    t.equal(journal.unfinished(), undefined, 'another’s')
    rmSync(journal.file)
    mkdirSync(join(journal.file, 'x'), { recursive: true })
    t.equal(journal.unfinished(), undefined, 'a directory')
    t.equal(journal.begin(1), false)
    t.doesNotThrow(() => journal.end())
    const below = new Journal(join(dir, 'file'), ['reboot'])
    t.equal(below.begin(1), false, 'no directory can be made')
    t.equal(below.unfinished(), undefined)
    t.doesNotThrow(() => below.end())
    t.ok(dirname(below.file).startsWith(join(dir, 'file')))
    t.end()
  },
)
