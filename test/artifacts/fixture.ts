import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { ArtifactSpec } from '../../lib/artifacts/types.ts'

export const sha256 = (data: string | Buffer): string =>
  createHash('sha256').update(data).digest('hex')

/** A server on the loopback that stands for https://releases.test, and the fetch that reaches it. */
export const releases = async (
  t: { teardown: (fn: () => unknown) => void },
  listener: RequestListener,
) => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    listener(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.teardown(close)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const viaLoopback: typeof fetch = (url, init) =>
    fetch(new Request(url).url.replace('https://releases.test', origin), init)
  return { requests, origin, fetch: viaLoopback, close }
}

/** An archive with a program `tool-1.0/tool` (and a decoy) as bytes. */
export const archive = (directory: string, content: string | Buffer, flag = '--gzip'): Buffer => {
  mkdirSync(join(directory, 'tool-1.0'), { recursive: true })
  writeFileSync(join(directory, 'tool-1.0/tool'), content)
  writeFileSync(join(directory, 'README'), 'not this one\n')
  const file = join(directory, 'made')
  execFileSync('tar', [flag, '-cf', file, '-C', directory, 'README', 'tool-1.0'])
  return readFileSync(file)
}

export const spec = (
  published: string | Buffer,
  more: Partial<ArtifactSpec> = {},
): ArtifactSpec => ({
  name: 'tool',
  arch: 'amd64',
  version: '1.0',
  format: 'tgz',
  member: 'tool-1.0/tool',
  source: { url: 'https://releases.test/v1.0/tool%2B1.tgz' },
  sha256: sha256(published),
  memberSha256: undefined,
  ...more,
})
