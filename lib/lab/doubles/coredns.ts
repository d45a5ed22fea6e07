import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchArtifact } from '../../artifacts/fetch.ts'
import { loadArtifacts } from '../../artifacts/load.ts'
import { archOf, resolveArtifact } from '../../artifacts/resolve.ts'
import type { ArtifactSpec } from '../../artifacts/types.ts'
import type { Inventory } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { at } from '../images/cached.ts'
import type { Part } from '../images/parts.ts'
import { artifactsFile, double } from '../paths.ts'
import type { LabState } from '../state.ts'
import { goBuild, golang } from './golang.ts'

const NAME = 'coredns'

interface CorednsOptions {
  /** Install Go without asking. */
  readonly yes: boolean
  readonly log: (text: string) => void
}

/**
 * The lab's CoreDNS: the pinned release; where that cannot be downloaded, the same version built with Go from the module
 * proxy, with the plugins that need no other system's client (files/lab/doubles/coredns).
 */
export const corednsPart = async (
  inventory: Pick<Inventory, 'artifacts'>,
  options: CorednsOptions,
): Promise<Part> => {
  const arch = archOf(process.arch === 'arm64' ? 'arm64' : 'amd64')
  const pins = await loadArtifacts(artifactsFile())
  const spec = resolveArtifact(NAME, arch, pins, inventory.artifacts)
  return {
    what: `CoreDNS ${spec.version}`,
    path: at(NAME, /^doubles\/coredns\//, JSON.stringify(spec)),
    seconds: 45,
    make: dir => make(dir, spec, options),
  }
}

/** The artifact that a lab with this part has: none where the release itself can be downloaded. */
export const corednsIn = (part: Part): LabState['artifacts'] => {
  const note = join(part.path, NOTE)
  if (!existsSync(note)) return {}
  const path = join(part.path, NAME)
  const { version } = JSON.parse(readFileSync(note, 'utf8')) as { version: string }
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  return { [NAME]: { version, sha256, path } }
}

/** What a lab with a CoreDNS that was built here does not prove. */
export const corednsStandIn = (artifacts: LabState['artifacts']): string[] => {
  const built = artifacts[NAME]
  return built === undefined || built.version !== pinnedInModule()
    ? []
    : [
        `CoreDNS ${built.version} is built here, from its source, without the plugins azure, clouddns, dnssec, etcd, geoip, k8s_external, kubernetes, nomad, route53, tls, trace and view: a Corefile that uses one of them is refused`,
      ]
}

/** Describes a build. */
const NOTE = 'built.json'

const make = async (dir: string, spec: ArtifactSpec, options: CorednsOptions): Promise<void> => {
  const { version } = spec
  const release = await fetchArtifact(spec, { stallMs: 10_000 }).catch((error: unknown) => error)
  if (!(release instanceof Error)) return
  const why = firstLines(release)
  options.log(`CoreDNS ${version} cannot be downloaded here, so it is built with Go: ${why}`)
  try {
    await (version === pinnedInModule()
      ? goBuild(double(NAME), join(dir, NAME), options)
      : install(version, dir, options))
  } catch (error) {
    throw new Error(
      `CoreDNS ${version} can neither be downloaded (${why}) nor built (${firstLines(error)})`,
    )
  }
  writeFileSync(join(dir, NOTE), JSON.stringify({ version }))
}

/** The version that the module of files/lab/doubles/coredns is of. */
const pinnedInModule = (): string | undefined =>
  /^\s*github\.com\/coredns\/coredns v(\S+)$/m.exec(
    readFileSync(join(double(NAME), 'go.mod'), 'utf8'),
  )?.[1]

/** Another version: as its authors build it, with all plugins. */
const install = async (version: string, dir: string, options: CorednsOptions): Promise<void> => {
  const { command, env } = await golang(options)
  const bin = join(dir, 'bin')
  await exec([command, 'install', `github.com/coredns/coredns@v${version}`], {
    env: { ...env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s' },
  })
  renameSync(join(bin, NAME), join(dir, NAME))
  rmSync(bin, { recursive: true })
}

export const firstLines = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 4).join(' ').trim()
