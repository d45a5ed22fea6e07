/** Asks another copy of fmc, or this one, what it offers to a project: by its own command line. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { loadArtifacts } from '../../artifacts/load.ts'
import { UsageError } from '../../errors.ts'
import { demandTrust } from '../../trust.ts'
import { packageRoot } from '../paths.ts'
import type { Offer, Variable } from './upgrade.ts'

/**
 * Calls `work` with the directory of the fmc at this path: a directory, or a tarball of `npm pack`, which is unpacked into a
 * temporary directory for that time. UsageError when it is no fmc, or when another user could have written it.
 */
export async function withFmc<T>(path: string, work: (root: string) => Promise<T>): Promise<T> {
  const at = resolve(path)
  const stat = statSync(at, { throwIfNoEntry: false })
  if (!stat)
    throw new UsageError(`${at} does not exist`, {
      hint: 'npm pack fmc@latest && fmc upgrade-check fmc-VERSION.tgz',
    })
  demandTrust(at, [at], dirname(at))
  if (stat.isDirectory()) {
    const root = demandFmc(at)
    demandTrust(root, [...codeIn(root), ...PACKAGES.flatMap(name => codeOf(name, root))], root)
    return work(root)
  }
  const scratch = mkdtempSync(join(tmpdir(), 'fmc-'))
  try {
    const tar = spawnSync('tar', ['-xzf', at, '-C', scratch, '--no-same-owner'], {
      encoding: 'utf8',
    })
    if (tar.status !== 0)
      throw new UsageError(
        `${at} is no tarball of npm pack: ${tar.stderr.trim().split('\n')[0] ?? ''}`,
      )
    lendPackages(join(scratch, 'node_modules'))
    return await work(demandFmc(join(scratch, 'package')))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Packages that the bundle needs at run time; esbuild starts a program of `@esbuild`. */
const PACKAGES = ['esbuild', '@esbuild', 'diff']

/** A directory and all that is in it. */
const codeIn = (dir: string): string[] => [
  dir,
  ...readdirSync(dir, { recursive: true, withFileTypes: true }).map(entry =>
    join(entry.parentPath, entry.name),
  ),
]

/** The files of a package, where Node finds it from `root`; none if there is no such package. */
function codeOf(name: string, root: string): string[] {
  for (let dir = root; ; dir = dirname(dir)) {
    const found = join(dir, 'node_modules', name)
    if (existsSync(found)) return codeIn(realpathSync(found))
    if (dir === dirname(dir)) return []
  }
}

/** A tarball contains no packages; the bundle needs two of them, and gets this fmc's. */
function lendPackages(into: string): void {
  mkdirSync(into)
  const require = createRequire(join(packageRoot(), 'package.json'))
  for (const name of ['esbuild', 'diff']) {
    let dir = dirname(require.resolve(name))
    while (!existsSync(join(dir, 'package.json')) || nameIn(dir) !== name) dir = dirname(dir)
    symlinkSync(dir, join(into, name))
  }
}

const nameIn = (dir: string): unknown =>
  (JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { name?: unknown }).name

function demandFmc(dir: string): string {
  if (existsSync(join(dir, 'package.json')) && nameIn(dir) === 'fmc') return dir
  const inside = join(dir, 'node_modules', 'fmc')
  if (existsSync(join(inside, 'package.json'))) return inside
  throw new UsageError(`${dir} is not the package fmc`, {
    hint: 'name its directory (…/node_modules/fmc) or a tarball of npm pack',
  })
}

/** What the fmc in this directory offers to the project of an inventory. */
export async function offerOf(root: string, inventory: string): Promise<Offer> {
  const ask = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'lib/bin.js'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
      maxBuffer: 64 * 1024 * 1024,
    })
  const answer = (...args: string[]): string => {
    const { status, stdout, stderr } = ask(...args)
    if (status !== 0)
      throw new UsageError(`fmc in ${root} fails: fmc ${args.join(' ')}\n${stderr.trim()}`)
    return stdout
  }
  // A directory without roles: fmc's own alone.
  const nowhere = join(root, 'files', 'inventory.yaml')
  const schema = JSON.parse(answer('lint', '--schema', '-i', nowhere)) as {
    properties: {
      all: { properties: { vars: { properties: Readonly<Record<string, Variable>> } } }
    }
  }
  const listed = answer('list', '--output', 'json', '-i', nowhere).trim().split('\n').slice(1)
  const own = ask('doc', '-i', inventory)
  const lint = ask('lint', '-i', inventory)
  const artifacts = await loadArtifacts(join(root, 'files', 'artifacts.yaml'))
  return {
    version: answer('--version').trim(),
    variables: schema.properties.all.properties.vars.properties,
    artifacts: Object.fromEntries([...artifacts].map(([name, { version }]) => [name, version])),
    parts: listed
      .map(line => JSON.parse(line) as { type: string; name: string })
      .map(({ type, name }) => `${type} ${name}`),
    problems: lint.stdout.split('\n').filter(line => /: (error|warning): /.test(line)),
    broken: [own, lint].map(r => r.stderr.trim().replace(/^fmc: /, '')).find(text => text !== ''),
  }
}
