import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadArtifacts, parseArtifacts } from '../../lib/artifacts/load.ts'
import { archOf, resolveArtifact } from '../../lib/artifacts/resolve.ts'
import type { ArtifactOverride } from '../../lib/artifacts/types.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const C = 'c'.repeat(64)

const TOOL = `tool:
  version: 1.0
  format: tgz
  member: tool-{version}/tool
  url:
    amd64: https://releases.test/v{version}/tool.tgz
  sha256:
    amd64: ${A}
  member_sha256:
    amd64: ${B}
`

/** Each line nine times the one before. */
const LAUGHS = `a: &a [${'x, '.repeat(9)}]
${Array.from('bcdefgh', (c, i) => `${c}: &${c} [${`*${'abcdefg'[i] ?? ''}, `.repeat(9)}]\n`).join('')}`

t.test('the shipped file is sound, and pins CoreDNS', async t => {
  const file = fileURLToPath(new URL('../../files/artifacts.yaml', import.meta.url))
  const spec = resolveArtifact('coredns', 'amd64', await loadArtifacts(file))
  t.match(spec, { format: 'tgz', member: 'coredns', version: /^1\.\d+\.\d+$/ })
  t.match(spec.source, { url: `/v${spec.version}/coredns_${spec.version}_linux_amd64.tgz` })
})

t.test('an artifact without a sha256 must be pinned in the inventory', async t => {
  const file = fileURLToPath(new URL('../../files/artifacts.yaml', import.meta.url))
  const entries = await loadArtifacts(file)
  const flatcar = (override?: ArtifactOverride) =>
    resolveArtifact('image-flatcar', 'amd64', entries, { 'image-flatcar': override })
  t.throws(() => flatcar(), {
    message: /artifacts.yaml:\d+: image-flatcar \S+ has no sha256/,
    hint: /artifacts\.image-flatcar\.sha256 in the inventory, from https:.*\.sig/,
  })
  t.match(flatcar({ sha256: A }), { sha256: A, source: { url: /qemu_image\.img$/ } })
  t.match(resolveArtifact('image-almalinux', 'amd64', entries), { version: /^9\.\d+-\d{8}$/ })
})

t.test('an entry, resolved', async t => {
  t.same(resolveArtifact('tool', 'amd64', await parseArtifacts(TOOL, 'f')), {
    name: 'tool',
    arch: 'amd64',
    version: '1.0',
    format: 'tgz',
    member: 'tool-1.0/tool',
    source: { url: 'https://releases.test/v1.0/tool.tgz' },
    sha256: A,
    memberSha256: B,
  })
})

t.test('a wrong file is an error that names its place', async t => {
  const table: readonly [from: string, to: string, message: string][] = [
    ['version: 1.0', 'verison: 1.0', 'f:2:12: tool.verison: unknown key'],
    ['  version: 1.0\n', '', 'f:2:3: tool: expected a text for version'],
    ['tgz', 'zip', 'f:3:11: tool.format: expected one of binary, gz, xz, zst, tgz, txz, tzst'],
    ['{version}/tool\n', '{version}/\n', 'f:4:11: tool.member: expected the path of a file'],
    ['tgz\n', 'gz\n', 'f:4:11: tool.member: a gz has no members'],
    ['  member: tool-{version}/tool\n', '', 'f:2:3: tool: expected a text for member'],
    ['https:', 'http:', 'f:6:12: tool.url.amd64: expected a https: URL'],
    ['https://releases.test/v{version}/tool.tgz', 'tool', 'f:6:12: tool.url.amd64: expected a URL'],
    [
      'https://',
      'https://me:hush@',
      'f:6:12: tool.url.amd64: expected a URL without user and password',
    ],
    [A, A.slice(1), 'f:8:12: tool.sha256.amd64: expected a sha256: 64 digits 0-9, a-f'],
    [A, A.toUpperCase(), 'f:8:12: tool.sha256.amd64: expected a sha256: 64 digits 0-9, a-f'],
    ['  sha256:\n    amd64', '  sha256:\n    x86', 'f:8:10: tool.sha256.x86: unknown architecture'],
    [
      '  sha256:\n    amd64',
      '  sha256:\n    arm64',
      'f:2:3: tool: amd64 needs both a url and the sha256 of that file',
    ],
    ['  format', '  version: 2\n  format', 'f:3:3: Map keys must be unique'],
    [TOOL, 'tool: x\n', 'f:1:7: tool: expected a map'],
    [TOOL, 'tool: *x\n', 'f: an alias (*name) leads nowhere, or to too many values'],
    [TOOL, LAUGHS, 'f: an alias (*name) leads nowhere, or to too many values'],
  ]
  for (const [from, to, message] of table)
    await t.rejects(
      parseArtifacts(TOOL.replace(from, to), 'f'),
      { name: 'UsageError', message },
      message,
    )
  const typo = parseArtifacts(TOOL.replace('version: 1.0', 'verison: 1.0'), 'f')
  t.match(await typo.catch((error: unknown) => error), { hint: 'did you mean version?' })
  await t.rejects(loadArtifacts('/nowhere/f'), { message: '/nowhere/f cannot be read: ENOENT' })
})

t.test('what an inventory may override', async t => {
  const entries = await parseArtifacts(TOOL, 'f')
  const resolve = (override: ArtifactOverride) =>
    resolveArtifact('tool', 'amd64', entries, { tool: override })
  t.match(
    resolve({ url: 'https://mirror.test/t.tgz' }),
    { source: { url: 'https://mirror.test/t.tgz' }, sha256: A, memberSha256: B },
    'a mirror of the same file',
  )
  t.match(
    resolve({ version: '2.0', sha256: C }),
    {
      source: { url: 'https://releases.test/v2.0/tool.tgz' },
      member: 'tool-2.0/tool',
      sha256: C,
      memberSha256: undefined,
    },
    'another release',
  )
  t.match(
    resolve({ path: '/opt/tool' }),
    { source: { path: '/opt/tool' }, format: 'binary', sha256: undefined, memberSha256: undefined },
    'a local file',
  )
  const wrong: readonly [ArtifactOverride, string][] = [
    [
      { version: '2.0' },
      'artifacts.tool.version in the inventory: version 2.0 needs its sha256 too',
    ],
    [
      { sha256: 'x' },
      'artifacts.tool.sha256 in the inventory: expected a sha256: 64 digits 0-9, a-f',
    ],
    [{ url: 'http://x/y' }, 'artifacts.tool.url in the inventory: expected a https: URL'],
    [{ path: 'tool' }, 'artifacts.tool.path in the inventory: expected an absolute path'],
    [
      { path: '/x', url: 'https://x/y' },
      'artifacts.tool.path in the inventory: expected either a path or a url, not both',
    ],
  ]
  for (const [override, message] of wrong)
    t.throws(() => resolve(override), { name: 'UsageError', message }, message)
})

t.test('unknown artifacts and architectures', async t => {
  const entries = await parseArtifacts(TOOL, 'f')
  t.throws(() => resolveArtifact('tol', 'amd64', entries), {
    message: 'there is no artifact tol',
    hint: 'did you mean tool?',
  })
  t.throws(() => resolveArtifact('tool', 'arm64', entries), {
    message: 'f:2: tool is not pinned for arm64',
  })
  t.equal(archOf('x86_64'), 'amd64')
  t.equal(archOf('aarch64'), 'arm64')
  t.throws(() => archOf('riscv64'), { message: 'unknown architecture "riscv64"' })
})

t.test('a version by name: pinned, listed as a further release, or overridden', async t => {
  const text = `${TOOL}  releases:\n    2.0+k1: { amd64: ${C} }\n`
  const entries = await parseArtifacts(text, 'f')
  const of = (version: string, overrides: Record<string, ArtifactOverride> = {}) =>
    resolveArtifact('tool', 'amd64', entries, overrides, version)
  t.match(of('1.0'), { version: '1.0', sha256: A, memberSha256: B })
  t.match(of('2.0+k1'), {
    version: '2.0+k1',
    sha256: C,
    memberSha256: undefined,
    source: { url: 'https://releases.test/v2.0%2Bk1/tool.tgz' },
  })
  t.throws(() => of('3.0'), {
    name: 'UsageError',
    message: 'f:2: tool 3.0 is not pinned',
    hint: /into the inventory, .*: artifacts: \{ tool: \{ version: 3\.0, sha256: … \} \}$/,
  })
  const mirror = { tool: { version: '3.0', sha256: C } }
  t.match(of('3.0', mirror), { version: '3.0', sha256: C })
  t.match(
    of('1.0', mirror),
    { version: '1.0', sha256: A },
    'that of another version does not count',
  )
  t.match(of('3.0', { 'tool@3.0': { path: '/x/tool' } }), {
    version: '3.0',
    source: { path: '/x/tool' },
  })
  await t.rejects(parseArtifacts(text.replace(C, 'x'), 'f'), {
    message: 'f:12:22: tool.releases.2.0+k1.amd64: expected a sha256: 64 digits 0-9, a-f',
  })
})
