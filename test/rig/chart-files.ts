import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

/** A chart's own files that its values depend on, and its subcharts. */
export interface ChartFiles {
  readonly files: Readonly<Record<string, string>>
  readonly charts: Readonly<Record<string, ChartFiles>>
}

const walk = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : []
  })

const subdirs = (dir: string): string[] => {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
  } catch {
    return []
  }
}

const OWN = /^(Chart\.yaml|values\.yaml|values\.schema\.json|templates\/.*)$/

function read(dir: string): ChartFiles {
  const own = walk(dir).map(path => [relative(dir, path), path] as const)
  return {
    files: Object.fromEntries(
      own
        .filter(([name]) => OWN.test(name))
        .map(([name, path]) => [name, readFileSync(path, 'utf8')]),
    ),
    charts: Object.fromEntries(
      subdirs(join(dir, 'charts')).map(name => [name, read(join(dir, 'charts', name))]),
    ),
  }
}

/** Reads a chart from its package (.tgz) or its directory. */
export function unpacked(path: string): ChartFiles {
  if (statSync(path).isDirectory()) return read(path)
  const dir = mkdtempSync(join(tmpdir(), 'fmc-chart-'))
  try {
    execFileSync('tar', ['-xzf', path, '-C', dir, '--no-same-owner'])
    const [name] = subdirs(dir)
    if (name === undefined) throw new Error(`${path} holds no chart`)
    return read(join(dir, name))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const texts = ({ files, charts }: ChartFiles, at = ''): [string, string][] => [
  ...Object.entries(files)
    // helm rewrites Chart.yaml when it makes a package.
    .filter(([name]) => name !== 'Chart.yaml')
    .map(([name, text]): [string, string] => [`${at}${name}`, text]),
  ...Object.entries(charts).flatMap(([name, chart]) => texts(chart, `${at}${name}/`)),
]

/** The sha256 of a chart's values, schema and templates: the same for a package and for the directory it was made of. */
export function digest(chart: ChartFiles): string {
  const hash = createHash('sha256')
  for (const [name, text] of texts(chart).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${createHash('sha256').update(text).digest('hex')}  ${name}\n`)
  return hash.digest('hex')
}
