import t from 'tap'
import { pythonLiteral } from '../../lib/import/python.ts'

// As ast.literal_eval of Python 3.11 answers; undefined where it refuses.
const ROWS: readonly (readonly [text: string, value: unknown])[] = [
  ['22', 22],
  [' 22 # a port', 22],
  ['-1', -1],
  ['1_000', 1000],
  ['0x1F', 31],
  ['0o17', 15],
  ['017', undefined],
  ['00', 0],
  ['1.5', 1.5],
  ['1.', 1],
  ['.5', 0.5],
  ['1e3', 1000],
  ['1.2.3', undefined],
  ['10.0.0.1', undefined],
  ['9007199254740993', undefined],
  ['True', true],
  ['False', false],
  ['None', null],
  ['true', undefined],
  ['yes', undefined],
  ['', undefined],
  ['web', undefined],
  ["'22'", '22'],
  ['"a \\"b\\" \\x41\\u00e9\\n"', 'a "b" Aé\n'],
  ["'it' 's'", 'its'],
  ["'''a\nb'''", 'a\nb'],
  ["u'x'", 'x'],
  ["'open", undefined],
  ["b'x'", undefined],
  ['[]', []],
  ["[1, 'a', [True]]", [1, 'a', [true]]],
  ['[1, 2,]', [1, 2]],
  ['[,]', undefined],
  ['[1 2]', undefined],
  ['(1)', 1],
  ['(1,)', [1]],
  ['()', []],
  ['1, 2', undefined],
  ['{}', {}],
  ["{'a': 1, 'b': {'c': None},}", { a: 1, b: { c: null } }],
  ['{1: 2}', { 1: 2 }],
  ["{'a', 'b'}", ['a', 'b']],
  ["{'a': }", undefined],
  ["{'a' 1}", undefined],
  ["__import__('os')", undefined],
  ['[1', undefined],
  ['['.repeat(100_000), undefined],
]
for (const [text, value] of ROWS)
  void t.test(text.slice(0, 30) || 'nothing', t => {
    t.same(pythonLiteral(text), value)
    t.end()
  })
