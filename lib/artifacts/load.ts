import { readFile } from 'node:fs/promises'
import type { Document, LineCounter, Node } from 'yaml'
import { UsageError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import { readParsed, writeParsed } from '../parse-cache.ts'
import { FORMATS, type Arch, type ArtifactEntry, type ByArch, type Format } from './types.ts'

const ARCHS: readonly Arch[] = ['amd64', 'arm64']
const KEYS = [
  'version',
  'format',
  'member',
  'url',
  'sha256',
  'member_sha256',
  'checksums',
  'releases',
]
const SHA256 = /^[0-9a-f]{64}$/
export const isArchive = (format: Format): boolean => ['tgz', 'txz', 'tzst'].includes(format)

/** A cache of a file with other keys does not fit. */
const FORM = KEYS.join(' ')

/**
 * Reads files/artifacts.yaml, or takes it from the cache if it has not changed. UsageError names file, line, key and what
 * was expected.
 */
export const loadArtifacts = async (file: string): Promise<ReadonlyMap<string, ArtifactEntry>> => {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? ''}`)
  })
  const known = readParsed('artifacts-file', file, bytes, FORM)
  if (known !== undefined) return new Map(known as [string, ArtifactEntry][])
  const entries = await parseArtifacts(bytes.toString(), file)
  writeParsed('artifacts-file', file, bytes, FORM, [...entries])
  return entries
}

/** The text of an artifacts file as entries by name. */
export const parseArtifacts = async (
  text: string,
  file: string,
): Promise<ReadonlyMap<string, ArtifactEntry>> => {
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const doc = yaml.parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'failsafe',
    // The library's warnings go to stderr and quote the file.
    logLevel: 'silent',
  })
  const problem = doc.errors[0] ?? doc.warnings[0]
  if (problem) throw fault(file, lines, problem.pos[0], problem.message)
  const plain = dataOf(doc, file)
  const top = isRecord(plain) ? plain : {}
  return new Map(
    Object.entries(top).map(([name, raw]) => {
      const at = (path: readonly string[]): number | undefined =>
        (doc.getIn([name, ...path], true) as Node | undefined)?.range?.[0]
      const fail = (message: string, path: readonly string[] = [], hint?: string): UsageError =>
        fault(file, lines, at(path), `${[name, ...path].join('.')}: ${message}`, hint)
      const { line } = lines.linePos(at([]) ?? 0)
      return [name, entry(name, raw, `${file}:${line}`, fail)]
    }),
  )
}

/** The document as plain data; refuses more aliases than any real file has. */
const dataOf = (doc: Document, file: string): unknown => {
  try {
    return doc.toJS()
  } catch {
    throw new UsageError(`${file}: an alias (*name) leads nowhere, or to too many values`, {
      hint: 'write the values out',
    })
  }
}

type Fail = (message: string, path?: readonly string[], hint?: string) => UsageError

const fault = (file: string, lines: LineCounter, offset = 0, message = '', hint?: string) => {
  const { line, col } = lines.linePos(offset)
  return new UsageError(`${file}:${line}:${col}: ${message}`, { hint })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const entry = (name: string, raw: unknown, where: string, fail: Fail): ArtifactEntry => {
  if (!isRecord(raw)) throw fail('expected a map')
  for (const key of Object.keys(raw))
    if (!KEYS.includes(key)) throw fail('unknown key', [key], suggestion(key, KEYS))
  const text = (key: string): string => {
    const value = raw[key]
    if (typeof value !== 'string' || value === '') throw fail(`expected a text for ${key}`)
    return value
  }
  const format = FORMATS.find(known => known === text('format'))
  if (!format) throw fail(`expected one of ${FORMATS.join(', ')}`, ['format'])
  if ('member' in raw && !isArchive(format)) throw fail(`a ${format} has no members`, ['member'])
  const member = isArchive(format) ? text('member') : undefined
  if (member?.endsWith('/')) throw fail('expected the path of a file', ['member'])
  const url = byArch(raw, 'url', fail, checkUrl)
  const checksums = 'checksums' in raw ? text('checksums') : undefined
  const unpinned = checksums !== undefined && !('sha256' in raw)
  const sha256 = unpinned ? {} : byArch(raw, 'sha256', fail, checkSha256)
  for (const arch of ARCHS)
    if (!unpinned && (url[arch] === undefined) !== (sha256[arch] === undefined))
      throw fail(`${arch} needs both a url and the sha256 of that file`)
  return {
    name,
    where,
    version: text('version'),
    format,
    member,
    url,
    sha256,
    checksums,
    memberSha256: 'member_sha256' in raw ? byArch(raw, 'member_sha256', fail, checkSha256) : {},
    releases: releasesOf(raw['releases'] ?? {}, fail),
  }
}

const releasesOf = (raw: unknown, fail: Fail): ArtifactEntry['releases'] => {
  if (!isRecord(raw)) throw fail('expected versions with their sha256', ['releases'])
  const inside: Fail = (message, path = [], hint) => fail(message, ['releases', ...path], hint)
  return Object.fromEntries(
    Object.keys(raw).map(version => [version, byArch(raw, version, inside, checkSha256)]),
  )
}

const byArch = (
  raw: Record<string, unknown>,
  key: string,
  fail: Fail,
  check: (value: string) => string | undefined,
): ByArch => {
  const map = raw[key]
  if (!isRecord(map)) throw fail(`expected ${key} by architecture (${ARCHS.join(', ')})`)
  for (const [arch, value] of Object.entries(map)) {
    if (!ARCHS.some(known => known === arch))
      throw fail('unknown architecture', [key, arch], suggestion(arch, ARCHS))
    const wrong = typeof value === 'string' ? check(value) : 'expected text'
    if (wrong !== undefined) throw fail(wrong, [key, arch])
  }
  return map
}

/** What is wrong with a URL to download from, or undefined. */
export const checkUrl = (url: string): string | undefined => {
  if (!URL.canParse(url)) return 'expected a URL'
  const { protocol, pathname, username, password } = new URL(url)
  // fetch refuses such a URL, and every message with the URL would show the password.
  if (username !== '' || password !== '') return 'expected a URL without user and password'
  if (protocol !== 'https:') return 'expected a https: URL'
  return pathname.endsWith('/') ? 'expected the URL of a file' : undefined
}

/** What is wrong with a checksum, or undefined. */
export const checkSha256 = (sha256: string): string | undefined =>
  SHA256.test(sha256) ? undefined : 'expected a sha256: 64 digits 0-9, a-f'
