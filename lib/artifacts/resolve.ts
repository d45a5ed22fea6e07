import { isAbsolute } from 'node:path'
import { UsageError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'
import { checkSha256, checkUrl } from './load.ts'
import type { Arch, ArtifactEntry, ArtifactOverride, ArtifactSpec } from './types.ts'

const ARCH: Readonly<Record<string, Arch | undefined>> = {
  x86_64: 'amd64',
  amd64: 'amd64',
  aarch64: 'arm64',
  arm64: 'arm64',
}

/** The architecture by its name in `uname -m`, Go or Debian. UsageError for an unknown one. */
export const archOf = (machine: string): Arch => {
  const arch = ARCH[machine]
  if (arch) return arch
  throw new UsageError(`unknown architecture ${JSON.stringify(machine.slice(0, 40))}`, {
    hint: `known: ${Object.keys(ARCH).join(', ')}`,
  })
}

/**
 * The artifact `name` for one architecture, with the inventory's overrides; with `version`, exactly that version.
 * UsageError when there is no such artifact, none for that architecture or version, or an override of the version
 * lacks the checksum.
 */
export const resolveArtifact = (
  name: string,
  arch: Arch,
  entries: ReadonlyMap<string, ArtifactEntry>,
  overrides: Readonly<Record<string, ArtifactOverride | undefined>> = {},
  version?: string,
): ArtifactSpec => {
  const known = entries.get(name)
  if (!known)
    throw new UsageError(`there is no artifact ${name}`, {
      hint: suggestion(name, entries.keys()) ?? 'artifacts stand in files/artifacts.yaml',
    })
  const [entry, override] = wanted(known, overrides, version)
  checkOverride(name, entry, override)
  return override.path === undefined
    ? published(entry, arch, override)
    : local(entry, arch, override.path, override)
}

/** The entry and override to use: `NAME@VERSION` overrides that version only, and an override for another version is ignored. */
const wanted = (
  entry: ArtifactEntry,
  overrides: Readonly<Record<string, ArtifactOverride | undefined>>,
  version: string | undefined,
): [ArtifactEntry, ArtifactOverride] => {
  const general = overrides[entry.name] ?? {}
  const own = version === undefined ? undefined : overrides[`${entry.name}@${version}`]
  if (own) return [entry, { version, ...own }]
  if (version === undefined || (general.version ?? entry.version) === version)
    return [entry, general]
  const sha256 = version === entry.version ? entry.sha256 : entry.releases[version]
  if (sha256) return [{ ...entry, version, sha256, memberSha256: {} }, {}]
  throw new UsageError(`${entry.where}: ${entry.name} ${version} is not pinned`, {
    hint: `leave the version out, or write into the inventory, with the sha256 that the release publishes: artifacts: { ${entry.name}: { version: ${version}, sha256: … } }`,
  })
}

const checkOverride = (name: string, entry: ArtifactEntry, o: ArtifactOverride): void => {
  const wrong = (key: string, what: string, hint?: string) =>
    new UsageError(`artifacts.${name}.${key} in the inventory: ${what}`, { hint })
  const sha256 = o.sha256 === undefined ? undefined : checkSha256(o.sha256)
  if (sha256 !== undefined) throw wrong('sha256', sha256)
  if (o.path !== undefined) {
    if (o.url !== undefined) throw wrong('path', 'expected either a path or a url, not both')
    if (!isAbsolute(o.path)) throw wrong('path', 'expected an absolute path')
    return
  }
  const url = o.url === undefined ? undefined : checkUrl(o.url)
  if (url !== undefined) throw wrong('url', url)
  if (o.version !== undefined && o.version !== entry.version && o.sha256 === undefined)
    throw wrong(
      'version',
      `version ${o.version} needs its sha256 too`,
      `it is pinned at ${entry.where}`,
    )
}

const local = (
  entry: ArtifactEntry,
  arch: Arch,
  path: string,
  { version, sha256 }: ArtifactOverride,
): ArtifactSpec => ({
  name: entry.name,
  arch,
  version: version ?? entry.version,
  format: 'binary',
  member: undefined,
  source: { path },
  sha256,
  memberSha256: undefined,
})

const published = (entry: ArtifactEntry, arch: Arch, o: ArtifactOverride): ArtifactSpec => {
  const version = o.version ?? entry.version
  const named = (text: string) => text.replaceAll('{version}', version).replaceAll('{arch}', arch)
  const url = o.url ?? entry.url[arch]
  const sha256 = o.sha256 ?? entry.sha256[arch]
  if (url !== undefined && sha256 === undefined && entry.checksums !== undefined)
    throw new UsageError(
      `${entry.where}: ${entry.name} ${version} has no sha256, and nothing is downloaded without one`,
      {
        hint: `set artifacts.${entry.name}.sha256 in the inventory, from ${named(entry.checksums)}; or path, a file on this machine`,
      },
    )
  if (url === undefined || sha256 === undefined)
    throw new UsageError(`${entry.where}: ${entry.name} is not pinned for ${arch}`, {
      hint: `add url and sha256 for ${arch}, or artifacts.${entry.name} in the inventory`,
    })
  return {
    name: entry.name,
    arch,
    version,
    format: entry.format,
    member: entry.member === undefined ? undefined : named(entry.member),
    source: { url: url.replaceAll('{version}', encodeURIComponent(version)) },
    sha256,
    memberSha256: sha256 === entry.sha256[arch] ? entry.memberSha256[arch] : undefined,
  }
}
