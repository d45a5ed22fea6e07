/** Architectures as Go and most releases name them; in `uname -m` they are x86_64 and aarch64. */
export type Arch = 'amd64' | 'arm64'

export const FORMATS = ['binary', 'gz', 'xz', 'zst', 'tgz', 'txz', 'tzst'] as const
export type Format = (typeof FORMATS)[number]

/** One entry of files/artifacts.yaml. */
export interface ArtifactEntry {
  readonly name: string
  /** file:line of the entry, for messages. */
  readonly where: string
  readonly version: string
  readonly format: Format
  /** Path inside an archive; only with tgz, txz, tzst. May contain {version}. */
  readonly member: string | undefined
  readonly url: ByArch
  readonly sha256: ByArch
  readonly memberSha256: ByArch
  /** The publisher's page of checksums; with it, sha256 may be left to the inventory. */
  readonly checksums: string | undefined
  /** sha256 of other versions that a role may ask for by name. */
  readonly releases: Readonly<Record<string, ByArch>>
}

export type ByArch = { readonly [arch in Arch]?: string | undefined }

/** What an inventory may override: the place (url), the release (version and sha256), or all by a local file (path). */
export interface ArtifactOverride {
  readonly url?: string | undefined
  readonly sha256?: string | undefined
  readonly version?: string | undefined
  /** A file on this machine that is the finished binary, absolute; its sha256 is optional. */
  readonly path?: string | undefined
}

/** An artifact for one architecture, overrides applied. */
export interface ArtifactSpec {
  readonly name: string
  /** The inventory key that messages name; by default they name the artifact. */
  readonly key?: string
  readonly arch: Arch
  readonly version: string
  readonly format: Format
  readonly member: string | undefined
  readonly source: { readonly url: string } | { readonly path: string }
  /** Of the published file; undefined only for a local file without one. */
  readonly sha256: string | undefined
  /** Of the file that reaches the host, where it is pinned. */
  readonly memberSha256: string | undefined
}

export interface ArtifactOptions {
  /** A directory that holds downloads by the file name of their URL; default $FMC_ARTIFACTS. */
  readonly artifactsDir?: string | undefined
  /** Default ${FMC_CACHE:-~/.cache/fmc}/artifacts. */
  readonly cacheDir?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: the global fetch. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** Gets how many bytes of the download have arrived, and of how many. */
  readonly onBytes?: ((received: number, size: number | undefined) => void) | undefined
  /** Give up when the server sends nothing for so long; default 30 000 ms. */
  readonly stallMs?: number | undefined
}

/** A file on this machine, with its checksum. */
export interface CheckedFile {
  readonly path: string
  readonly sha256: string
  /** Bytes. */
  readonly size: number
}
