import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../paths.ts'
import { exec } from '../exec.ts'
import { installPackages, present } from '../prerequisites.ts'
import { once } from '../images/cached.ts'

/** A toolchain that builds what the lab needs; fetched through the module proxy where the machine's Go is older. */
const TOOLCHAIN = 'v0.0.1-go1.26.8'

/** How to call Go on this machine. */
export interface Go {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

interface GoOptions {
  readonly yes: boolean
  readonly log: (text: string) => void
}

let installing: Promise<string> | undefined

/** The machine's own Go, of any version, installed first on Debian and Ubuntu if there is none. It may ask. */
export const installedGo = (options: GoOptions): Promise<string> => (installing ??= find(options))

const find = async (options: GoOptions): Promise<string> => {
  let command = installed()
  if (command === undefined) {
    await installPackages(['golang-go'], options)
    command = installed()
  }
  if (command === undefined) throw new Error('there is no Go on this machine')
  return command
}

let go: Promise<Go> | undefined

/** A Go that can build current programs. Go 1.21 and later fetch a newer toolchain by themselves; for an older one the lab does that. */
export const golang = (options: GoOptions): Promise<Go> => (go ??= current(options))

const current = async (options: GoOptions): Promise<Go> => {
  const command = await installedGo(options)
  const minor = Number(/go1\.(\d+)/.exec((await exec([command, 'version'])).stdout)?.[1])
  if (minor >= 21) return { command, env: { GOTOOLCHAIN: 'auto' } }
  return fetchToolchain(command)
}

const installed = (): string | undefined =>
  ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find(present)

/** The toolchain is a Go module: the module cache leaves out the executable bits, which are set here. */
const fetchToolchain = async (command: string): Promise<Go> => {
  const version = `${TOOLCHAIN}.linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`
  const cache = labCache(`go-${version.replaceAll('.', '_')}`)
  const rootIn = (dir: string): string => join(dir, 'golang.org', `toolchain@${version}`)
  await once(cache, async into => {
    await exec([command, 'mod', 'download', `golang.org/toolchain@${version}`], {
      env: { GOMODCACHE: into, GOFLAGS: '-modcacherw' },
    })
    for (const dir of ['bin', 'pkg/tool'])
      for (const entry of readdirSync(join(rootIn(into), dir), {
        recursive: true,
        withFileTypes: true,
      }))
        if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o755)
  })
  const root = rootIn(cache)
  return { command: join(root, 'bin', 'go'), env: { GOROOT: root, GOTOOLCHAIN: 'local' } }
}

/** Builds the program of a module below files/lab/doubles. */
export const goBuild = async (source: string, to: string, options: GoOptions): Promise<void> => {
  const { command, env } = await golang(options)
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w']
  await exec([command, 'build', ...flags, '-o', to, '.'], {
    cwd: source,
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '' },
  })
}
