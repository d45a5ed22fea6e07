import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadArtifacts } from '../../artifacts/load.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { goBuild } from './golang.ts'
import type { Part } from '../images/parts.ts'
import { artifactsFile, double, labCache } from '../paths.ts'
import type { LabArtifact, LabState } from '../state.ts'

const GROUP = 'k3s_cluster'
/** Roles that cannot run without it. */
export const K3S_ROLES = ['k3s-server', 'k3s-agent', 'longhorn', 'traefik', 'addons', 'kubeconfig']
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

/** The stand-in for K3s, built with Go whenever its source has changed. */
export const k3sDoublePart = (options: {
  readonly yes: boolean
  readonly log: (text: string) => void
}): Part => ({
  what: 'the K3s double',
  path: built(),
  seconds: 120,
  make: dir => goBuild(source(), join(dir, 'k3s'), options),
})

/** The artifacts of a lab with the double. */
export const k3sDoubleIn = async ({ path }: Part): Promise<LabState['artifacts']> => {
  const pins = await loadArtifacts(artifactsFile())
  return { k3s: ofVersion(join(path, 'k3s'), pins.get('k3s')?.version ?? 'v1.36.3+k3s1') }
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
