import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { ask, Refused } from '../../lib/facts/index.ts'
import { content, link, path, sha } from '../../lib/facts/path.ts'
import { staged } from '../../lib/facts/staged.ts'
import { facts, table } from './helpers.ts'

const file = { type: 'file', mode: '0644', owner: 'root', group: 'root' } as const

void t.test('path: the answers of stat', t =>
  table(t, path, [
    { what: 'a file', args: ['/a'], out: '81a4 0 0 root:root /a\0', facts: [file] },
    {
      what: 'setuid, a directory, a link, a socket',
      args: ['/a', '/b', '/c', '/d'],
      out: '89ed 0 0 root:root /a\x0043c0 0 0 root:root /b\x00a1ff 0 0 root:root /c\x00c1ed 0 0 root:root /d\0',
      facts: [
        { ...file, mode: '4755' },
        { ...file, type: 'directory', mode: '1700' },
        { ...file, type: 'link', mode: '0777' },
        { ...file, type: 'other', mode: '0755' },
      ],
    },
    {
      what: 'absence is said',
      args: ['/a', '/b'],
      out: 'absent /b\x0081a4 0 0 root:root /a\0',
      facts: [file, null],
    },
    {
      what: 'owners without a name are numbers, names with blanks are whole',
      args: ['/a', '/b'],
      out: '81a4 501 502 UNKNOWN:UNKNOWN /a\x0081a4 1 2 DOM\\a b:domain users /b\0',
      facts: [
        { ...file, owner: '501', group: '502' },
        { ...file, owner: 'DOM\\a b', group: 'domain users' },
      ],
    },
    {
      what: 'newlines and quotes in a name',
      args: ['/a\n\'"'],
      out: '81a4 0 0 root:root /a\n\'"\0',
      facts: [file],
    },
    { what: 'no answer is not absence', args: ['/a'], out: '' },
    { what: 'one answer of two', args: ['/a', '/b'], out: '81a4 0 0 root:root /a\0' },
    { what: 'the same path twice', args: ['/a'], out: 'absent /a\x0081a4 0 0 root:root /a\0' },
    { what: 'a path that nobody asked for', args: ['/a'], out: 'absent /a\0absent /b\0' },
    { what: 'cut off', args: ['/a'], out: '81a4 0 0 root:root /a' },
    { what: 'no mode', args: ['/a'], out: '0 0 root:root /a\0' },
    { what: 'not hexadecimal', args: ['/a'], out: 'zzzz 0 0 root:root /a\0' },
    { what: 'no path', args: ['/a'], out: 'stat: cannot stat\0' },
    { what: 'a failed program', args: ['/a'], out: '81a4 0 0 root:root /a\0', code: 1 },
    { what: 'a missing program', args: ['/a'], out: '', code: 127 },
    { what: 'megabytes of nonsense', args: ['/a'], out: 'x'.repeat(1 << 22) },
  ]),
)

const HASH = 'a'.repeat(64)
void t.test('sha: the answers of sha256sum', t =>
  table(t, sha, [
    {
      what: 'a file and none',
      args: ['/a', '/b'],
      out: `absent /b\0${HASH}  /a\0`,
      facts: [HASH, null],
    },
    {
      what: 'each refusal has its own reason',
      args: ['/a', '/b', '/c'],
      out: `refused \x01x belongs to u: chown \x01x /a\0absent /c\0refused no \x01y /b\0`,
      facts: [new Refused('/x belongs to u: chown /x'), new Refused('no /y'), null],
    },
    { what: 'a short hash', args: ['/a'], out: `${HASH.slice(1)}  /a\0` },
    { what: 'an escaped name', args: ['/a'], out: `\\${HASH}  /a\0` },
    { what: 'upper case', args: ['/a'], out: `${HASH.toUpperCase()}  /a\0` },
    { what: 'an error', args: ['/a'], out: '', code: 1, err: 'sha256sum: /a: Permission denied' },
  ]),
)

void t.test('staged: a line for each path', t =>
  table(t, staged, [
    { what: 'two', args: ['/a', '/b'], out: 'yes\nno\n', facts: [true, false] },
    { what: 'fewer than asked', args: ['/a', '/b'], out: 'yes\n' },
    { what: 'more than asked', args: ['/a'], out: 'no\nno\n' },
    { what: 'another word', args: ['/a'], out: 'maybe\n' },
    { what: 'a line that is cut', args: ['/a'], out: 'yes' },
    { what: 'no answer', args: ['/a'], out: '' },
  ]),
)

void t.test('link: the answers of readlink', t =>
  table(t, link, [
    { what: 'none', args: ['/a', '/b'], out: 'absent /a\0absent /b\0', facts: [null, null] },
    {
      what: 'two and none',
      args: ['/a', '/b', '/c'],
      out: 'absent /b\x002\0x\0../y z\0',
      facts: ['x', null, '../y z'],
    },
    {
      what: 'a target that looks like an absent path',
      args: ['/a', '/b'],
      out: '2\0absent /b\0absent /a\0',
      facts: ['absent /b', 'absent /a'],
    },
    { what: 'a target that is a number', args: ['/a'], out: '1\x001\0', facts: ['1'] },
    { what: 'fewer than it says', args: ['/a', '/b'], out: '2\0x\0' },
    { what: 'more than asked', args: ['/a'], out: '1\0x\0y\0' },
    { what: 'absence of another', args: ['/a'], out: 'absent /b\0' },
    { what: 'no answer', args: ['/a'], out: '' },
    { what: 'a failed program', args: ['/a'], out: '1\0x\0', code: 1 },
  ]),
)

void t.test('content: base64', t =>
  table(t, content, [
    {
      what: 'text, empty and none',
      args: ['/a', '/b', '/c'],
      out: 'AP8=\n\n-\n',
      facts: [Buffer.from([0, 255]), Buffer.alloc(0), null],
    },
    { what: 'an error instead', args: ['/a'], out: 'base64: input error\n' },
    { what: 'cut off in a group', args: ['/a'], out: 'AP8\n' },
    { what: 'cut off at the end', args: ['/a'], out: 'AP8=' },
    { what: 'a line too many', args: ['/a'], out: '-\n-\n' },
  ]),
)

void t.test('real files with hostile names', t => {
  const dir = t.testdir()
  const names = [
    'plain',
    'with blank',
    "quote'",
    'double"',
    '$(touch pwned)',
    '`touch pwned`',
    'new\nline',
    'tab\t',
    'back\\slash\\n',
    '*',
    'ünï ☃',
    '-rf',
    'absent ',
    '\x1e;\x1d',
  ].map(name => join(dir, name))
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  for (const name of names) writeFileSync(name, bytes)
  for (const name of names) chmodSync(name, 0o4710)
  const sum = createHash('sha256').update(bytes).digest('hex')
  const none = names.map(name => `${name}.none`)
  for (const name of names) {
    mkdirSync(`${name}.d`)
    symlinkSync(`${name}\nabsent /x`, `${name}.link`)
  }
  const on = (family: 'path' | 'sha' | 'link' | 'content', paths: readonly string[]): unknown[] =>
    facts(...paths.map(p => ask(family, p)))
  t.match(
    on('path', names),
    names.map(() => ({ type: 'file', mode: '4710' })),
  )
  t.match(
    on(
      'path',
      names.map(n => `${n}.d`),
    ),
    names.map(() => ({ type: 'directory', mode: '0755' })),
  )
  t.match(
    on(
      'path',
      names.map(n => `${n}.link`),
    ),
    names.map(() => ({ type: 'link' })),
    'dangling links are there',
  )
  t.strictSame(
    on('path', none),
    none.map(() => null),
  )
  t.strictSame(
    on('sha', names),
    names.map(() => sum),
  )
  t.strictSame(
    on('sha', [...none, dir]),
    [...none, dir].map(() => null),
  )
  t.strictSame(
    on(
      'link',
      names.flatMap(n => [n, `${n}.link`]),
    ),
    names.flatMap(n => [null, `${n}\nabsent /x`]),
  )
  t.strictSame(
    on('content', names),
    names.map(() => bytes),
  )
  const large = join(dir, 'large')
  writeFileSync(large, '')
  truncateSync(large, 262_145)
  t.strictSame(on('content', [large, dir, ...none]), [null, null, ...none.map(() => null)])
  t.strictSame(
    on(
      'path',
      Array.from({ length: 3000 }, (_, i) => `/nowhere/${i}/${'x'.repeat(40)}`),
    ).filter(Boolean),
    [],
    'thousands of paths in one question',
  )
  t.end()
})

void t.test(
  'sha: a directory that another user could exchange',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  t => {
    const dir = mkdtempSync('/run/fmc-sha-')
    t.teardown(() => rmSync(dir, { recursive: true }))
    mkdirSync(`${dir}/user/stranger`, { recursive: true })
    mkdirSync(`${dir}/user/root`)
    writeFileSync(`${dir}/user/stranger/there`, '')
    symlinkSync('there', `${dir}/user/stranger/link`)
    for (const [path, uid] of [
      ['user', 4711],
      ['user/stranger', 4712],
    ] as const)
      chownSync(`${dir}/${path}`, uid, uid)
    const refused = facts(
      ...['user/stranger/there', 'user/stranger/none', 'user/root/none'].map(p =>
        ask('sha', `${dir}/${p}`),
      ),
    ).map(fact => (fact instanceof Refused ? fact.why : fact))
    t.match(refused, [
      /stranger belongs to UNKNOWN, but uid 4711 could exchange it$/,
      /stranger belongs to UNKNOWN, but uid 4711 could exchange it$/,
      /root belongs to root, but uid 4711, who owns a directory above it/,
    ])
    const others = ['user/none', 'user/stranger/link', 'none/none', 'user/stranger']
    t.strictSame(facts(...others.map(p => ask('sha', `${dir}/${p}`))), [null, null, null, null])
    t.end()
  },
)
