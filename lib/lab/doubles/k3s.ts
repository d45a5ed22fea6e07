import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadArtifacts } from '../../artifacts/load.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { golang } from './golang.ts'
import { once } from '../images/cached.ts'
import { artifactsFile, double, labCache } from '../paths.ts'
import type { LabArtifact, LabState } from '../state.ts'

const GROUP = 'k3s_cluster'
const ROLES = ['k3s-server', 'k3s-agent', 'longhorn', 'traefik', 'addons', 'kubeconfig']
/** The program holds its version as text of a fixed length after this mark: every version is the same build. */
const MARK = 'K3S-DOUBLE-VERSION='
const LENGTH = 64

/** Whether a host runs K3s. */
export const runsK3s = (host: Host): boolean => host.groups.includes(GROUP)

const source = (): string => double('k3s')

const sourceFiles = (): string[] =>
  readdirSync(source()).filter(name => /^go\.(mod|sum)$|(?<!_test)\.go$/.test(name))

/** Where the build of the current source is, or will be. */
const built = (): string => {
  const hash = createHash('sha256')
  for (const name of sourceFiles().sort())
    hash.update(`${name}\0`).update(readFileSync(join(source(), name)))
  return labCache(`k3sdouble-${hash.digest('hex').slice(0, 12)}`)
}

/**
 * The stand-in for K3s, built with Go whenever its source has changed (some minutes the first time). Where it cannot be
 * built, the roles that need it are left out.
 */
export const k3sDouble = async (options: {
  readonly yes: boolean
  readonly log: (text: string) => void
}): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  try {
    const pins = await loadArtifacts(artifactsFile())
    const version = pins.get('k3s')?.version ?? 'v1.36.3+k3s1'
    const dir = built()
    await once(dir, target => build(target, options))
    return { artifacts: { k3s: ofVersion(join(dir, 'k3s'), version) }, skippedRoles: [] }
  } catch (error) {
    const why = `the K3s double cannot be built: ${String(error).split('\n').slice(0, 4).join(' ')}`
    options.log(why)
    return { artifacts: {}, skippedRoles: ROLES.map(role => ({ role, why })) }
  }
}

const build = async (
  target: string,
  options: { readonly yes: boolean; readonly log: (text: string) => void },
): Promise<void> => {
  const { command, env } = await golang(options)
  options.log('building the K3s double with Go (once; a minute or two)')
  await exec(
    [
      command,
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags=-s -w',
      '-o',
      join(target, 'k3s'),
      '.',
    ],
    { cwd: source(), env: { ...env, CGO_ENABLED: '0', GOFLAGS: '' } },
  )
}

/** Artifact overrides for every K3s version that the hosts' variables ask for: the same double with another version text. */
export const k3sVersions = (
  { hosts }: Pick<Inventory, 'hosts'>,
  any: LabArtifact | undefined,
): Record<string, LabArtifact> => {
  const asked = new Set([...hosts.values()].map(host => host.vars['k3s_version']))
  const result: Record<string, LabArtifact> = {}
  if (any !== undefined)
    for (const version of asked)
      if (typeof version === 'string') result[`k3s@${version}`] = ofVersion(any.path, version)
  return result
}

/** The same double as another version; `any` is one of any version. */
const ofVersion = (any: string, version: string): LabArtifact => {
  const name = version.replace(/[^\w.+-]/g, '_')
  const path = join(any, '..', `k3s-${name}`)
  const note = `${path}.sha256`
  if (!existsSync(note)) {
    const program = readFileSync(any)
    const at = program.indexOf(MARK)
    if (at < 0 || version.length > LENGTH) throw new Error(`no K3s double ${version}`)
    program.write(version.padEnd(LENGTH, ' '), at + MARK.length, 'latin1')
    for (const [file, content] of [
      [path, program],
      [note, createHash('sha256').update(program).digest('hex')],
    ] as const) {
      writeFileSync(`${file}.${process.pid}`, content, { mode: 0o755 })
      renameSync(`${file}.${process.pid}`, file)
    }
  }
  return { version, path, sha256: readFileSync(note, 'utf8') }
}
