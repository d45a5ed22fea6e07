import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { binaryOf, sha256Of } from '../../lib/artifacts/binary.ts'
import type { Format } from '../../lib/artifacts/types.ts'
import { archive, releases, sha256, spec } from './fixture.ts'

const PROGRAM = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251))

const offline: typeof fetch = () => Promise.reject(new Error('the network was asked'))

t.test('the member of an archive, and again without the network', async t => {
  for (const [format, flag] of [
    ['tgz', '--gzip'],
    ['txz', '--xz'],
    ['tzst', '--zstd'],
  ] as const) {
    const dir = t.testdir({ cache: {} })
    const published = archive(dir, PROGRAM, flag)
    const site = await releases(t, (_, response) => response.end(published))
    const tool = spec(published, { format })
    const cacheDir = join(dir, 'cache')
    const made = await binaryOf(tool, { cacheDir, fetch: site.fetch, env: {} })
    t.match(made, { sha256: sha256(PROGRAM), size: PROGRAM.length, version: '1.0', name: 'tool' })
    t.same(readFileSync(made.path), PROGRAM, format)
    t.same(await binaryOf(tool, { cacheDir, fetch: offline, env: {} }), made)
    t.equal(await sha256Of(tool, { cacheDir, fetch: offline, env: {} }), sha256(PROGRAM))

    // Damaged behind our back: made again from the download, which is checked too.
    writeFileSync(made.path, 'damaged')
    t.same(await binaryOf(tool, { cacheDir, fetch: offline, env: {} }), made)
    t.same(readFileSync(made.path), PROGRAM)
  }
})

t.test('a compressed file and a bare one', async t => {
  const pack: Record<string, (data: Buffer) => Buffer> = {
    gz: data => execFileSync('gzip', ['-c'], { input: data }),
    xz: data => execFileSync('xz', ['-c'], { input: data }),
    zst: data => execFileSync('zstd', ['-qc'], { input: data }),
    binary: data => data,
  }
  for (const [format, make] of Object.entries(pack)) {
    const published = make(PROGRAM)
    const site = await releases(t, (_, response) => response.end(published))
    const tool = spec(published, { format: format as Format, member: undefined })
    const made = await binaryOf(tool, { cacheDir: t.testdir({}), fetch: site.fetch, env: {} })
    t.same(readFileSync(made.path), PROGRAM, format)
  }
})

t.test('a pinned member needs no download to compare', async t => {
  const cacheDir = t.testdir({})
  const tool = spec('whatever', { memberSha256: sha256(PROGRAM) })
  t.equal(await sha256Of(tool, { cacheDir, fetch: offline, env: {} }), sha256(PROGRAM))
  const bare = spec('whatever', { format: 'binary', member: undefined })
  t.equal(await sha256Of(bare, { cacheDir, fetch: offline, env: {} }), sha256('whatever'))
  t.same(readdirSync(cacheDir), [])
})

t.test('what is wrong inside a download', async t => {
  const dir = t.testdir({ cache: {} })
  const good = archive(dir, PROGRAM)
  const empty = archive(dir, '')
  const table: Record<string, readonly [data: Buffer, more: object, message: RegExp]> = {
    'no such member': [
      good,
      { member: 'tool' },
      /tool in \S+: not in the archive, which holds README, tool-1\.0\/, tool-1\.0\/tool$/,
    ],
    'a pattern is a name': [good, { member: 'tool*/tool' }, /not in the archive/],
    'a member that looks like an option': [
      good,
      { member: '--help' },
      /--help in \S+: not in the archive/,
    ],
    'a directory': [good, { member: 'tool-1.0' }, /tool-1\.0 in \S+: (not in the archive|empty)/],
    'an empty member': [empty, {}, /empty, or not a regular file/],
    'another member than pinned': [
      good,
      { memberSha256: sha256('x') },
      new RegExp(`its sha256 is ${sha256(PROGRAM)}, expected member_sha256 ${sha256('x')}`),
    ],
    'no archive': [Buffer.from('text'), {}, /not in gzip format/],
    'not compressed': [
      Buffer.from('text'),
      { format: 'gz', member: undefined },
      /not in gzip format/,
    ],
  }
  for (const [what, [data, more, message]] of Object.entries(table)) {
    const site = await releases(t, (_, response) => response.end(data))
    const cacheDir = join(dir, 'cache')
    rmSync(cacheDir, { recursive: true, force: true })
    const options = { cacheDir, fetch: site.fetch, env: {} }
    await t.rejects(binaryOf(spec(data, more), options), { name: 'TaskError', message }, what)
    t.same(readdirSync(cacheDir), [sha256(data)], `${what}: only the download stays`)
  }
})
