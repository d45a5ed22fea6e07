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
import { dirname, join } from 'node:path'
import { cacheDir } from '../../cache-dir.ts'
import { fetchArtifact } from '../../artifacts/fetch.ts'
import { loadArtifacts } from '../../artifacts/load.ts'
import { archOf, resolveArtifact } from '../../artifacts/resolve.ts'
import type { ArtifactSpec } from '../../artifacts/types.ts'
import type { Inventory } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { golang } from './golang.ts'
import { artifactsFile, labCache } from '../paths.ts'
import type { LabArtifact, LabState } from '../state.ts'

const NAME = 'coredns'

interface CorednsOptions {
  /** Install Go without asking. */
  readonly yes: boolean
  readonly log: (text: string) => void
}

/**
 * The lab's CoreDNS: the pinned release; where that cannot be downloaded, the same version built with Go from the module
 * proxy (some minutes, once). Where neither works, the role is left out.
 */
export const coredns = async (
  inventory: Pick<Inventory, 'artifacts'>,
  options: CorednsOptions,
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const file = artifactsFile()
  const arch = archOf(process.arch === 'arm64' ? 'arm64' : 'amd64')
  const spec = resolveArtifact(NAME, arch, await loadArtifacts(file), inventory.artifacts)
  const built = readBuilt(spec.version)
  if (built !== undefined) return { artifacts: { [NAME]: built }, skippedRoles: [] }
  const release = await fetchArtifact(spec, { stallMs: 10_000 }).catch((error: unknown) => error)
  if (!(release instanceof Error)) return { artifacts: {}, skippedRoles: [] }
  options.log(`CoreDNS ${spec.version} cannot be downloaded here: ${firstLines(release)}`)
  try {
    return { artifacts: { [NAME]: await build(spec, options) }, skippedRoles: [] }
  } catch (error) {
    const why = `CoreDNS ${spec.version} can neither be downloaded (${firstLines(release)}) nor built (${firstLines(error)})`
    options.log(`role coredns-chrony is left out: ${why}`)
    return { artifacts: {}, skippedRoles: [{ role: 'coredns-chrony', why }] }
  }
}

const firstLines = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 4).join(' ').trim()

/** The file that describes an earlier build. */
const noteOf = (version: string): string => labCache(`${NAME}-${version}.json`)

const readBuilt = (version: string): LabArtifact | undefined => {
  try {
    const built = JSON.parse(readFileSync(noteOf(version), 'utf8')) as LabArtifact
    return existsSync(built.path) ? built : undefined
  } catch {
    return undefined
  }
}

const build = async (spec: ArtifactSpec, options: CorednsOptions): Promise<LabArtifact> => {
  const { command, env } = await golang(options)
  options.log(`building CoreDNS ${spec.version} with Go (once; some minutes)`)
  const bin = labCache(`${NAME}.building-${process.pid}`)
  try {
    await exec([command, 'install', `github.com/coredns/coredns@v${spec.version}`], {
      env: { ...env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s' },
    })
    return keep(join(bin, NAME), spec.version)
  } finally {
    rmSync(bin, { recursive: true, force: true })
  }
}

/** Puts a built file into the artifact cache under its sha256 and describes it in a file. */
const keep = (file: string, version: string): LabArtifact => {
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  const path = join(cacheDir(), 'artifacts', sha256)
  mkdirSync(join(cacheDir(), 'artifacts'), { recursive: true })
  copyFileSync(file, `${path}.new`)
  renameSync(`${path}.new`, path)
  const built = { version, sha256, path }
  mkdirSync(dirname(noteOf(version)), { recursive: true })
  writeFileSync(noteOf(version), `${JSON.stringify(built)}\n`)
  return built
}
