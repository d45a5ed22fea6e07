import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../../lib/facts/index.ts'
import { line } from '../../lib/facts/line.ts'
import { facts, table } from './helpers.ts'

void t.test('line: the answers of grep', t =>
  table(t, line, [
    { what: 'yes and no', args: ['/a\0x', '/a\0y'], out: '0\n1\n', facts: [true, false] },
    { what: 'grep failed', args: ['/a\0x'], out: '2\n' },
    { what: 'no grep', args: ['/a\0x'], out: '127\n' },
    { what: 'nothing', args: ['/a\0x'], out: '' },
  ]),
)

void t.test('real files', t => {
  const lines = [
    'plain',
    '-e',
    '--',
    '.*',
    '[a-z]',
    "it's",
    '"$(id)"',
    'a\\b',
    ' blanks ',
    'ünï ☃',
    'no end',
  ]
  const dir = t.testdir({ f: lines.join('\n'), binary: Buffer.from('x\0y\nyes\n') })
  const f = join(dir, 'f')
  symlinkSync('f', join(dir, 'link'))
  const has = (path: string, text: string): unknown => facts(ask('line', `${path}\0${text}`))[0]
  for (const text of lines) t.equal(has(f, text), true, text)
  for (const text of ['plai', 'p.ain', 'blanks', 'plain\r', 'e']) t.equal(has(f, text), false, text)
  t.equal(has(join(dir, 'link'), 'plain'), false, 'a link is not followed')
  t.equal(has(join(dir, 'binary'), 'yes'), true)
  t.equal(has(join(dir, 'none'), 'yes'), false)
  t.equal(has(dir, 'yes'), false, 'a directory has no lines')
  t.end()
})
