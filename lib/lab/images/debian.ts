import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { labFiles } from '../paths.ts'
import { at } from './cached.ts'
import type { Part } from './parts.ts'

/** Debian 12, the lab's Debian, and Debian 13. */
export type Suite = 'bookworm' | 'trixie'

const LEFT_OUT = ['doc', 'man', 'locale', 'info', 'lintian']

/** The smallest root of Debian with apt, and the lists of its packages: every other root begins as a copy of it. */
export const debianBase = (suite: Suite): Part => ({
  what: suite === 'bookworm' ? 'the base of Debian' : 'the base of Debian 13',
  path: at(`base-${suite}`, /^$/),
  seconds: 20,
  make: dir => mmdebstrap(suite, dir),
})

export const baseRoot = (base: Part): string => join(base.path, 'root')

/** Makes a Debian root. FMC_LAB_APT_MIRROR names a source other than Debian's. */
const mmdebstrap = async (suite: Suite, dir: string): Promise<void> => {
  const mirror = process.env.FMC_LAB_APT_MIRROR
  await exec(
    [
      // Killed, it would leave its mounts of /proc and /sys.
      ...['unshare', '-m'],
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      '--skip=cleanup/apt/lists',
      '--dpkgopt=force-unsafe-io',
      ...LEFT_OUT.map(name => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      suite,
      join(dir, 'root'),
      ...(mirror === undefined ? [] : [mirror]),
    ],
    { env: { TMPDIR: dir } },
  )
}

/** The packages of a list below files/lab. */
const packagesOf = (list: string): string[] =>
  readFileSync(join(labFiles(), list), 'utf8').trim().split('\n')

/** Makes the root `to`: the base with the packages of these lists; then `hook`, a script below files/lab, runs on it. */
export const install = async (
  base: Part,
  to: string,
  lists: readonly string[],
  o: { readonly hook?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<void> => {
  const hook = o.hook === undefined ? '' : join(labFiles(), o.hook)
  const script = join(labFiles(), 'install.sh')
  const argv = ['unshare', '-m', script, baseRoot(base), to, hook, ...lists.flatMap(packagesOf)]
  await exec(argv, { env: o.env })
}
