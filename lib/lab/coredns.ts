import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fetchArtifact } from '../artifacts/fetch.ts'
import { loadArtifacts } from '../artifacts/load.ts'
import { archOf, resolveArtifact } from '../artifacts/resolve.ts'
import type { ArtifactSpec } from '../artifacts/types.ts'
import type { Inventory } from '../inventory/types.ts'
import { exec } from './exec.ts'
import { cacheDir, labFiles } from './paths.ts'
import { present } from './prerequisites.ts'
import type { LabArtifact, LabState } from './state.ts'

const NAME = 'coredns'

/**
 * Where the lab's CoreDNS comes from: the pinned release; where that cannot be had, the same version
 * built with Go from its module proxy (some minutes, once); else the role must be left out.
 */
export const coredns = async (
  inventory: Pick<Inventory, 'artifacts'>,
  log: (text: string) => void,
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const file = join(labFiles(), '..', 'artifacts.yaml')
  const arch = archOf(process.arch === 'arm64' ? 'arm64' : 'amd64')
  const spec = resolveArtifact(NAME, arch, await loadArtifacts(file), inventory.artifacts)
  const built = readBuilt(spec.version)
  if (built !== undefined) return { artifacts: { [NAME]: built }, skippedRoles: [] }
  const release = await fetchArtifact(spec, { stallMs: 10_000 }).catch((error: unknown) => error)
  if (!(release instanceof Error)) return { artifacts: {}, skippedRoles: [] }
  try {
    return { artifacts: { [NAME]: await build(spec, log) }, skippedRoles: [] }
  } catch (error) {
    const why = `CoreDNS ${spec.version} can neither be downloaded (${firstLines(release)}) nor built (${firstLines(error)})`
    log(`role coredns-chrony is left out: ${why}`)
    return { artifacts: {}, skippedRoles: [{ role: 'coredns-chrony', why }] }
  }
}

const firstLines = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 4).join(' ').trim()

/** The note that an earlier build left in the cache. */
const noteOf = (version: string): string => join(cacheDir(), 'lab', `${NAME}-${version}.json`)

const readBuilt = (version: string): LabArtifact | undefined => {
  try {
    const built = JSON.parse(readFileSync(noteOf(version), 'utf8')) as LabArtifact
    return existsSync(built.path) ? built : undefined
  } catch {
    return undefined
  }
}

const build = async (spec: ArtifactSpec, log: (text: string) => void): Promise<LabArtifact> => {
  const go = ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find(present)
  if (go === undefined) throw new Error('there is no Go on this machine: apt-get install golang-go')
  log(`CoreDNS ${spec.version} cannot be downloaded here: building it with Go (once; some minutes)`)
  const bin = join(cacheDir(), 'lab', `${NAME}.building-${process.pid}`)
  try {
    await exec([go, 'install', `github.com/coredns/coredns@v${spec.version}`], {
      env: { GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s', GOARCH: spec.arch },
    })
    return keep(join(bin, NAME), spec.version)
  } finally {
    rmSync(bin, { recursive: true, force: true })
  }
}

/** Puts a built file into the artifact cache under its sha256 and notes it. */
const keep = (file: string, version: string): LabArtifact => {
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  const path = join(cacheDir(), 'artifacts', sha256)
  mkdirSync(join(cacheDir(), 'artifacts'), { recursive: true })
  copyFileSync(file, `${path}.new`)
  renameSync(`${path}.new`, path)
  const built = { version, sha256, path }
  mkdirSync(join(cacheDir(), 'lab'), { recursive: true })
  writeFileSync(noteOf(version), `${JSON.stringify(built)}\n`)
  return built
}
