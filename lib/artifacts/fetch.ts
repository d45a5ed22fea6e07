/** Artifacts: pinned downloads, checked against their sha256 and kept in the controller's cache. */
import { join } from 'node:path'
import { TaskError } from '../errors.ts'
import { cached, cacheDirectory, checked, store } from './cache.ts'
import { download } from './download.ts'
import type { ArtifactOptions, ArtifactSpec, CheckedFile } from './types.ts'

interface Fetched extends CheckedFile {
  readonly version: string
  readonly from: 'cache' | 'directory' | 'download' | 'local'
}

type OnBytes = NonNullable<ArtifactOptions['onBytes']>

/** Running fetches: many hosts that need the same file share one, and each hears how far it is. */
const underway = new Map<
  string,
  { readonly fetched: Promise<Fetched>; readonly listeners: OnBytes[] }
>()

/**
 * The published file of an artifact, on this machine and checked against its sha256: from the cache, else from
 * `artifactsDir` (FMC_ARTIFACTS), else downloaded. TaskError names every attempt with its reason, and says how to
 * supply the file.
 */
export const fetchArtifact = (
  spec: ArtifactSpec,
  options: ArtifactOptions = {},
): Promise<Fetched> => {
  if ('path' in spec.source) return localFile(spec, spec.source.path)
  const { url } = spec.source
  const expected = spec.sha256 ?? ''
  const id = [cacheDirectory(options), expected].join('\0')
  const running = underway.get(id)
  const { onBytes } = options
  if (running) {
    if (onBytes) running.listeners.push(onBytes)
    return running.fetched
  }
  const listeners = onBytes ? [onBytes] : []
  const toAll: OnBytes = (received, size) => listeners.forEach(say => say(received, size))
  const fetched = published(spec, url, expected, { ...options, onBytes: toAll }).finally(() =>
    underway.delete(id),
  )
  underway.set(id, { fetched, listeners })
  return fetched
}

const localFile = async (spec: ArtifactSpec, path: string): Promise<Fetched> => {
  const file = await checked(path).catch((error: unknown) => {
    throw unavailable(spec, [`${path}: ${reason(error)}`])
  })
  if (!file) throw unavailable(spec, [`${path}: there is no such file`])
  if (spec.sha256 !== undefined && file.sha256 !== spec.sha256)
    throw unavailable(spec, [`${path}: its sha256 is ${file.sha256}, expected ${spec.sha256}`])
  return { ...file, version: spec.version, from: 'local' }
}

const published = async (
  spec: ArtifactSpec,
  url: string,
  expected: string,
  options: ArtifactOptions,
): Promise<Fetched> => {
  const { version } = spec
  const cache = cacheDirectory(options)
  const known = await cached(join(cache, expected))
  // A damaged file is fetched again and replaced.
  if (known?.sha256 === expected) return { ...known, version, from: 'cache' }

  const tried: string[] = []
  const directory =
    options.artifactsDir ?? ((options.env ?? process.env).FMC_ARTIFACTS || undefined)
  if (directory !== undefined) {
    const path = join(directory, fileName(url))
    const supplied = await checked(path).catch((error: unknown) => reason(error))
    if (typeof supplied === 'string') tried.push(`${path}: ${supplied}`)
    else if (!supplied) tried.push(`${path}: there is no such file`)
    else if (supplied.sha256 === expected) return { ...supplied, version, from: 'directory' }
    // The user put it there to be used: do not quietly download another one.
    else throw unavailable(spec, [`${path}: its sha256 is ${supplied.sha256}`])
  }
  try {
    const file = await store(
      cache,
      () => download(url, options),
      expected,
      (sha256, size) => {
        const what = `${url}: wrong checksum: got ${size} bytes with sha256 ${sha256}`
        return new TaskError(what)
      },
    )
    return { ...file, version, from: 'download' }
  } catch (error) {
    tried.push(error instanceof TaskError ? error.message : `${url}: ${reason(error)}`)
    throw unavailable(spec, tried)
  }
}

/** The name of a download in `artifactsDir`. */
const fileName = (url: string): string => {
  const name = new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(name).replaceAll('/', '_')
  } catch {
    return name
  }
}

const reason = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error))

const unavailable = (spec: ArtifactSpec, tried: readonly string[]): TaskError =>
  new TaskError(
    [
      `${spec.key ?? `artifact ${spec.name} ${spec.version} (${spec.arch})`} is not available:`,
      ...tried,
    ].join('\n  '),
    {
      hint:
        'url' in spec.source
          ? `put ${fileName(spec.source.url)} with sha256 ${spec.sha256 ?? ''} into a directory and name it with ${spec.key === undefined ? '--artifacts DIR or ' : ''}FMC_ARTIFACTS`
          : `${spec.key ?? `artifacts.${spec.name}`} in the inventory names this file`,
    },
  )
