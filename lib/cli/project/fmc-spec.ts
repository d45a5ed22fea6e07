import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { quote } from '../../shell/quote.ts'
import { packageRoot } from '../paths.ts'

interface PackageJson {
  readonly version: string
  readonly devDependencies?: Readonly<Record<string, string>>
}

const packageJson = (): PackageJson =>
  JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as PackageJson

/**
 * What a project's package.json has to ask for to get this fmc: a range of versions if npm installed it from a registry, else
 * the place that it came from (a checkout, a tarball, a repository).
 */
export function fmcSpec(root = packageRoot()): string {
  const around = dirname(root)
  if (basename(around) !== 'node_modules') return `file:${root}`
  const lock = join(around, '.package-lock.json')
  const { packages = {} } = existsSync(lock)
    ? (JSON.parse(readFileSync(lock, 'utf8')) as {
        packages?: Readonly<Record<string, { readonly resolved?: string }>>
      })
    : {}
  const from = packages['node_modules/fmc']?.resolved ?? ''
  if (from.startsWith('file:'))
    return `file:${resolve(dirname(around), from.slice('file:'.length))}`
  return /^https?:/.test(from) || from === '' ? `^${packageJson().version}` : from
}

/** How to make the declarations that tsc needs, if this fmc has none: a checkout, or a package that was packed without them. */
export function missingTypes(root = packageRoot()): string | undefined {
  if (existsSync(join(root, 'dist/types/index.d.ts'))) return undefined
  const checkout = existsSync(join(root, 'lib/index.ts'))
  return checkout
    ? `This fmc is a checkout without the types that tsc needs: cd ${quote(root)} && npm run build`
    : 'This fmc was packed without the types that tsc needs. In its checkout: npm run build && npm pack'
}

/**
 * The development tools of a project, in the versions that fmc itself is checked with. `@typescript/7` is the compiler: it provides `tsc`,
 * typescript-eslint cannot use it yet, so `typescript` is version 6 under its own name, without a `tsc`
 * (https://www.npmjs.com/package/@typescript/typescript6).
 */
export function toolVersions(): Readonly<Record<string, string>> {
  const all = packageJson().devDependencies ?? {}
  const names = ['@types/node', 'eslint', '@typescript/7', 'typescript', 'typescript-eslint']
  return Object.fromEntries(names.map(name => [name, all[name] ?? '*']))
}
