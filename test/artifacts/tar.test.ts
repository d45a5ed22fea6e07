// Archives that could write outside of their directory are refused; the others keep their files.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { readTar, writeTar, type Member } from '../../lib/artifacts/tar.ts'

const member = (path: string, more: Partial<Member> = {}): Member => ({
  ...{ path, kind: 'file', executable: false, content: Buffer.from('x'), target: '' },
  ...more,
})

/** An archive with one member whose header has another type, or the bytes of another name. */
const odd = (path: string, type: string, target = ''): Buffer => {
  const bytes = writeTar([member(path, { target, kind: target === '' ? 'file' : 'link' })])
  bytes[156] = type.charCodeAt(0)
  bytes.write('        ', 148)
  const sum = bytes.subarray(0, 512).reduce((s, byte) => s + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}

void t.test('what is refused', t => {
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [writeTar([member('../x')]), /"\.\.\/x" would be outside/],
    [writeTar([member('a/../../x')]), /would be outside/],
    [writeTar([member('/etc/passwd')]), /"\/etc\/passwd" would be outside/],
    [odd('x', '1', 'y'), /"x" is a hard link/],
    [odd('x', '3'), /"x" is a character device/],
    [odd('x', '4'), /"x" is a block device/],
    [odd('x', '6'), /"x" is a FIFO/],
    [odd('x', 'V'), /of an unknown kind/],
    [odd('x', '2', '/etc'), /the link "x" leads outside/],
    [odd('a/x', '2', '../../etc'), /the link "a\/x" leads outside/],
    [
      writeTar([
        member('a/b/up', { kind: 'link', target: '../..' }),
        member('x', { kind: 'link', target: 'a/b/up/../etc' }),
      ]),
      /the link "x" leads outside/,
    ],
    [
      writeTar([member('a', { kind: 'link', target: 'b' }), member('a/x')]),
      /"a\/x" is below "a", which is no directory/,
    ],
    [writeTar([member('a'), member('a/x')]), /is below "a"/],
    [writeTar([member('a'), member('a')]), /two members "a"/],
    [writeTar([member('a')]).subarray(0, 700), /cut off/],
    [Buffer.from('no archive at all'.repeat(99)), /damaged|no tar archive/],
    [Buffer.alloc(0), /cut off, or is no tar archive/],
  ]
  for (const [bytes, message] of cases)
    t.throws(() => readTar(bytes, 'a.tar'), { message }, String(message))
  t.end()
})

void t.test('tar reads what is written, and fmc what tar writes', t => {
  const dir = t.testdir({ in: { 'a.txt': 'hello', deep: { [`${'n'.repeat(150)}.txt`]: 'long' } } })
  execFileSync('ln', ['-s', 'deep', join(dir, 'in/current')])
  for (const format of ['gnu', 'pax']) {
    const bytes = execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', dir, 'in'])
    const found = readTar(bytes, 'x', 1)
    t.strictSame(
      found.map(m => [m.path, m.kind, m.content.toString(), m.target]).sort(),
      [
        ['a.txt', 'file', 'hello', ''],
        ['current', 'link', '', 'deep'],
        ['deep', 'directory', '', ''],
        [`deep/${'n'.repeat(150)}.txt`, 'file', 'long', ''],
      ],
      format,
    )
    writeFileSync(join(dir, 'out.tar'), writeTar(found))
    const listed = execFileSync('tar', ['-tvf', join(dir, 'out.tar')]).toString()
    t.match(listed, /^drwxr-xr-x 0\/0 .* deep\/?$/m)
    t.match(listed, /^-rw-r--r-- 0\/0 .* deep\/n{150}\.txt$/m)
  }
  t.end()
})

void t.test('every tree survives, and no bytes crash the reader', t => {
  const name = fc.stringMatching(/^[a-zä]{1,60}$/)
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.uint8Array()), {
        selector: ([parts]) => parts[0],
      }),
      files => {
        const members = files.map(([parts, content]) =>
          member(parts.join('/'), {
            content: Buffer.from(content),
            executable: content.length % 2 === 1,
          }),
        )
        const found = readTar(writeTar(members), 'x')
        return JSON.stringify(found) === JSON.stringify(members)
      },
    ),
  )
  const good = writeTar([member('a/b', { content: Buffer.alloc(600) }), member('c'.repeat(150))])
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bad = Buffer.from(good)
      bad[at] = value
      try {
        for (const { path } of readTar(bad, 'x'))
          if (path.startsWith('/') || path.split('/').includes('..')) return false
      } catch (error) {
        return (error as Error).name === 'TaskError'
      }
      return true
    }),
  )
  t.end()
})
