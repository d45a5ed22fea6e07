import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../paths.ts'
import { exec } from '../exec.ts'
import { installPackages, present } from '../prerequisites.ts'

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

let go: Promise<Go> | undefined

/**
 * A Go that can build current programs: the machine's own, installed first on Debian and Ubuntu if there is none. Go 1.21
 * and later fetch a newer toolchain by themselves; for an older one the lab does that.
 */
export const golang = (options: GoOptions): Promise<Go> => (go ??= find(options))

const find = async (options: GoOptions): Promise<Go> => {
  let command = installed()
  if (command === undefined) {
    await installPackages(['golang-go'], options)
    command = installed()
  }
  if (command === undefined) throw new Error('there is no Go on this machine')
  const minor = Number(/go1\.(\d+)/.exec((await exec([command, 'version'])).stdout)?.[1])
  if (minor >= 21) return { command, env: { GOTOOLCHAIN: 'auto' } }
  return fetchToolchain(command)
}

const installed = (): string | undefined =>
  ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find(present)

/** The toolchain is a Go module: the module cache leaves out the executable bits, which are set here. */
const fetchToolchain = async (command: string): Promise<Go> => {
  const cache = labCache('go')
  const version = `${TOOLCHAIN}.linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`
  await exec([command, 'mod', 'download', `golang.org/toolchain@${version}`], {
    env: { GOMODCACHE: cache, GOFLAGS: '-modcacherw' },
  })
  const root = join(cache, 'golang.org', `toolchain@${version}`)
  for (const dir of ['bin', 'pkg/tool'])
    for (const entry of readdirSync(join(root, dir), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o755)
  return { command: join(root, 'bin', 'go'), env: { GOROOT: root, GOTOOLCHAIN: 'local' } }
}
