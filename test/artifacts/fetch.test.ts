import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fetchArtifact } from '../../lib/artifacts/fetch.ts'
import { releases, sha256, spec } from './fixture.ts'

const DATA = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256))
const tool = spec(DATA)

t.test('downloaded once, then from the cache', async t => {
  const site = await releases(t, (_, response) => response.end(DATA))
  const cacheDir = join(t.testdir(), 'deep/cache')
  const options = { cacheDir, fetch: site.fetch, env: {} }
  const results = await Promise.all([1, 2, 3].map(() => fetchArtifact(tool, options)))
  const path = join(cacheDir, sha256(DATA))
  for (const result of results)
    t.same(result, {
      path,
      sha256: sha256(DATA),
      size: DATA.length,
      version: '1.0',
      from: 'download',
    })
  t.equal((await fetchArtifact(tool, options)).from, 'cache')
  t.same(site.requests, ['/v1.0/tool%2B1.tgz'], 'three hosts and a second run: one download')
  t.same(readFileSync(path), DATA)
})

t.test('a cached file that was damaged is fetched again', async t => {
  const site = await releases(t, (_, response) => response.end(DATA))
  const cacheDir = t.testdir({ [sha256(DATA)]: 'damaged' })
  const { from, path } = await fetchArtifact(tool, { cacheDir, fetch: site.fetch, env: {} })
  t.equal(from, 'download')
  t.same(readFileSync(path), DATA)
})

t.test('a directory comes before the network, also from the environment', async t => {
  const site = await releases(t, (_, response) => response.end(DATA))
  const dir = t.testdir({ cache: {}, files: {} })
  const artifactsDir = join(dir, 'files')
  const options = { cacheDir: join(dir, 'cache'), fetch: site.fetch }
  writeFileSync(join(artifactsDir, 'tool+1.tgz'), DATA)
  t.match(await fetchArtifact(tool, { ...options, artifactsDir }), {
    from: 'directory',
    path: join(artifactsDir, 'tool+1.tgz'),
  })
  t.equal(
    (await fetchArtifact(tool, { ...options, env: { FMC_ARTIFACTS: artifactsDir } })).from,
    'directory',
  )

  writeFileSync(join(artifactsDir, 'tool+1.tgz'), 'another one')
  await t.rejects(fetchArtifact(tool, { ...options, artifactsDir }), {
    message: new RegExp(`files/tool\\+1\\.tgz: its sha256 is ${sha256('another one')}`),
  })
  t.same(site.requests, [], 'and a wrong file there is not quietly replaced by a download')
})

t.test(
  'an artifact that is not available: the error says what was tried and how to supply it',
  async t => {
    const site = await releases(t, (_, response) => response.writeHead(404).end('no'))
    const dir = t.testdir({ cache: {}, files: {} })
    const error: unknown = await fetchArtifact(tool, {
      cacheDir: join(dir, 'cache'),
      artifactsDir: join(dir, 'files'),
      fetch: site.fetch,
    }).catch((e: unknown) => e)
    t.match(error, {
      name: 'TaskError',
      message: [
        'artifact tool 1.0 (amd64) is not available:',
        `  ${dir}/files/tool+1.tgz: there is no such file`,
        '  https://releases.test/v1.0/tool%2B1.tgz: the server answered 404',
      ].join('\n'),
      hint: `put tool+1.tgz with sha256 ${sha256(DATA)} into a directory and name it with --artifacts DIR or FMC_ARTIFACTS`,
    })
  },
)

t.test('a failed download leaves nothing', async t => {
  const half = DATA.subarray(0, 100_000)
  const table: Record<
    string,
    readonly [listener: Parameters<typeof releases>[1], message: RegExp]
  > = {
    'wrong content': [
      (_, response) => response.end('error page'),
      new RegExp(`wrong checksum: got 10 bytes with sha256 ${sha256('error page')}`),
    ],
    'half of it, then the connection ends': [
      (_, response) => {
        response.writeHead(200, { 'content-length': DATA.length })
        response.write(half, () => response.destroy())
      },
      /tool%2B1\.tgz: \S.*(closed|aborted|terminated|UND_ERR_SOCKET)/,
    ],
    'half of it, well-formed': [
      (_, response) => response.end(half),
      /wrong checksum: got 100000 bytes/,
    ],
    'half of it, then silence': [
      (_, response) => {
        response.writeHead(200, { 'content-length': DATA.length })
        response.write(half)
      },
      /no data for 0\.3 s/,
    ],
    silence: [() => undefined, /no data for 0\.3 s/],
    'a redirect to http': [
      (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/x' }).end(),
      /redirected to http:\/\/127\.0\.0\.1:1, which is not https/,
    ],
    'redirects without end': [
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
      /more than 10 redirects/,
    ],
  }
  for (const [what, [listener, message]] of Object.entries(table)) {
    const site = await releases(t, listener)
    const cacheDir = t.testdir({})
    const options = { cacheDir, fetch: site.fetch, env: {}, stallMs: 300 }
    await t.rejects(fetchArtifact(tool, options), { name: 'TaskError', message }, what)
    t.same(readdirSync(cacheDir), [], what)
  }
})

t.test('redirects to https are followed', async t => {
  const site = await releases(t, (request, response) => {
    if (request.url === '/moved') response.end(DATA)
    else response.writeHead(302, { location: 'https://releases.test/moved' }).end()
  })
  const { from } = await fetchArtifact(tool, {
    cacheDir: t.testdir({}),
    fetch: site.fetch,
    env: {},
  })
  t.equal(from, 'download')
  t.same(site.requests, ['/v1.0/tool%2B1.tgz', '/moved'])
})

t.test('no server at all', async t => {
  const { origin, close } = await releases(t, () => undefined)
  await close()
  const unreachable: typeof fetch = (_, init) => fetch(origin, init)
  await t.rejects(fetchArtifact(tool, { cacheDir: t.testdir({}), fetch: unreachable, env: {} }), {
    message: /tool%2B1\.tgz: ECONNREFUSED/,
  })
})

t.test('partial files of killed runs are removed after a day', async t => {
  const site = await releases(t, (_, response) => response.end(DATA))
  const cacheDir = t.testdir({ '.part-old': 'x', '.part-new': 'x' })
  const before = new Date(Date.now() - 25 * 3600 * 1000)
  utimesSync(join(cacheDir, '.part-old'), before, before)
  await fetchArtifact(tool, { cacheDir, fetch: site.fetch, env: {} })
  t.same(readdirSync(cacheDir).sort(), ['.part-new', sha256(DATA)])
})

t.test('a local file', async t => {
  const dir = t.testdir({ tool: 'built here' })
  const path = join(dir, 'tool')
  const local = spec(DATA, { format: 'binary', source: { path }, sha256: undefined })
  t.match(await fetchArtifact(local), { path, sha256: sha256('built here'), from: 'local' })
  await t.rejects(fetchArtifact({ ...local, sha256: sha256(DATA) }), {
    message: new RegExp(`its sha256 is ${sha256('built here')}, expected ${sha256(DATA)}`),
  })
  await t.rejects(fetchArtifact({ ...local, source: { path: `${path}2` } }), {
    message: /tool2: there is no such file/,
  })
  await t.rejects(fetchArtifact({ ...local, source: { path: dir } }), { message: /EISDIR/ })
})
