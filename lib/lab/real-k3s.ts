import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { machine } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchArtifact } from '../artifacts/fetch.ts'
import { archOf } from '../artifacts/resolve.ts'
import type { ArtifactSpec } from '../artifacts/types.ts'
import { FmcError, UsageError } from '../errors.ts'
import type { Inventory, LabK3s } from '../inventory/types.ts'
import { exec } from './exec.ts'
import { once } from './images/cached.ts'
import { labCache } from './paths.ts'
import type { LabArtifact, LabState } from './state.ts'

/** Paths of programs, for tests that are to run on the real K3s: the first one, then other releases. */
const VARIABLE = 'FMC_TEST_K3S'

/**
 * The real K3s that the lab is given: lab.k3s of the inventory, else the programs that FMC_TEST_K3S names (`/srv/k3s`, or
 * several paths with `:` between them). Empty: a double stands in for it. Throws UsageError for a path that is not absolute or cannot be
 * read.
 */
export const givenK3s = (
  { lab }: Pick<Inventory, 'lab'>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly LabK3s[] =>
  lab.k3s.length > 0
    ? lab.k3s
    : (env[VARIABLE] ?? '')
        .split(':')
        .filter(Boolean)
        .map(path => ({
          ...{ key: VARIABLE, release: undefined, source: { path } },
          sha256: sha256Of(path),
        }))

const sums = new Map<string, string>()

const sha256Of = (path: string): string => {
  if (!isAbsolute(path))
    throw new UsageError(`${VARIABLE}: expected the absolute path of the program k3s, got ${path}`)
  try {
    const sum = sums.get(path) ?? createHash('sha256').update(readFileSync(path)).digest('hex')
    sums.set(path, sum)
    return sum
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new UsageError(`${VARIABLE}: ${path} cannot be read: ${code}`)
  }
}

/**
 * These programs as artifacts by release, from the cache, or fetched, checked and asked for their release now. Throws an FmcError that names
 * the key in the inventory: a program cannot be fetched, has another sha256, does not run on this machine, or is another release.
 */
export const realK3s = async (
  given: readonly LabK3s[],
  options: { readonly artifactsDir?: string | undefined } = {},
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const found: LabArtifact[] = []
  for (const program of given) found.push(await programOf(program, options.artifactsDir))
  const [first] = found
  return {
    artifacts: Object.fromEntries([
      ...(first ? [['k3s', first] as const] : []),
      ...found.map(artifact => [`k3s@${artifact.version}`, artifact] as const),
    ]),
    skippedRoles: [],
  }
}

const programOf = async (
  { key, release, source, sha256 }: LabK3s,
  artifactsDir: string | undefined,
): Promise<LabArtifact> => {
  const dir = labCache(`realk3s-${sha256}`)
  const path = join(dir, 'k3s')
  await once(dir, async into => {
    const file = 'url' in source && source.url.startsWith('file:')
    const spec: ArtifactSpec = {
      ...{ name: 'k3s', key, arch: archOf(machine()), version: '', format: 'binary' },
      source: file ? { path: fileURLToPath(source.url) } : source,
      ...{ member: undefined, sha256, memberSha256: undefined },
    }
    const fetched = await fetchArtifact(spec, { artifactsDir })
    copyFileSync(fetched.path, join(into, 'k3s'))
    chmodSync(join(into, 'k3s'), 0o755)
  })
  const version = await releaseOf(path, key)
  if (release !== undefined && release !== version)
    throw new FmcError(`${key}: the program is ${version}, not ${release}`, {
      hint: `write its release: lab.k3s.releases.${version}`,
    })
  return { version, path, sha256 }
}

/** The release that a program says it is: `k3s version v1.36.3+k3s1 (12345678)`. */
const releaseOf = async (path: string, key: string): Promise<string> => {
  const { code, stdout } = await exec(['timeout', '30', path, '--version'], { allowFailure: true })
  const [, version] = /^k3s version (v\d+\.\d+\.\d+[\w.+-]*)(?: |$)/m.exec(stdout) ?? []
  if (code !== 0 || version === undefined)
    throw new FmcError(`${key}: the program does not say which release of K3s it is`, {
      hint: `expected the program k3s for this machine (${machine()}); what it says: ${path} --version`,
    })
  return version
}
