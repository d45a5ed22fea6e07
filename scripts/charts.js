// Writes files/charts/NAME.txt: the value keys that the pinned version of each chart knows. A test compares them with the
// keys that roles set, because helm ignores a key that a chart has renamed.
//
//   node --import=./scripts/load-ts.js scripts/charts.js DIR
//
// DIR has the charts' packages (NAME-VERSION.tgz, as `helm pull` writes them) or the unpacked charts (NAME/). A chart that is not
// there keeps its list. If a list of the same version is of another chart (sha256), nothing is written, unless --accept says so.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parse } from 'yaml'
import { chartIn, FILLED, keyFile, keysOf } from '../test/rig/charts.ts'
import { digest, unpacked } from '../test/rig/chart-files.ts'

/** Maps that a chart's templates pass on whole, so that any key has an effect; values.yaml does not say so. */
const PASSED_ON = {
  traefik: ['service.spec'], // templates/_service.tpl: toYaml
  'argo-cd': ['configs.params'], // templates/_helpers.tpl, argo-cd.config.params: every key
}

const isMap = value => typeof value === 'object' && value !== null && !Array.isArray(value)
const node = () => ({ open: false, below: new Map() })
const child = (at, key) => {
  if (!at.below.has(key)) at.below.set(key, node())
  return at.below.get(key)
}

/** The keys of values.yaml. An empty map, a list and null may hold anything. */
function ofValues(at, value) {
  if (isMap(value) && Object.keys(value).length > 0)
    for (const [key, more] of Object.entries(value)) ofValues(child(at, key), more)
  else if (typeof value === 'object') at.open = true
}

/** The keys of values.schema.json that values.yaml has only in comments. */
function ofSchema(at, schema) {
  for (const [key, more] of Object.entries(schema.properties ?? {})) {
    const own = child(at, key)
    ofSchema(own, more)
    if (own.below.size === 0 && [more.type].flat().some(t => t === 'object' || t === 'array'))
      own.open = true
  }
  if (isMap(schema.additionalProperties)) ofSchema(child(at, '*'), schema.additionalProperties)
}

/** The keys that templates use and values.yaml has only in comments. A line about a failure names what is gone. */
function ofTemplates(root, files) {
  for (const [name, text] of Object.entries(files).filter(([n]) =>
    /^templates\/.*\.(yaml|yml|tpl)$/.test(n),
  )) {
    const lines = text.split('\n')
    for (const [i, line] of lines.entries()) {
      if (/\bfail\b/.test(`${line}${lines[i + 1] ?? ''}`) || /^templates\/tests?\//.test(name))
        continue
      for (const [, path] of line.matchAll(/\.Values((?:\.[A-Za-z_][\w-]*)+)/g)) {
        let at = root
        for (const key of path.slice(1).split('.')) {
          if (at.open) break
          const isNew = !at.below.has(key)
          at = child(at, key)
          // It may be a map that another template looks into.
          if (isNew) at.new = true
        }
      }
    }
  }
}

function keysIn(chart) {
  const root = node()
  ofValues(root, parse(chart.files['values.yaml'] ?? '') ?? {})
  ofSchema(root, JSON.parse(chart.files['values.schema.json'] ?? '{}'))
  ofTemplates(root, chart.files)
  for (const [name, sub] of Object.entries(chart.charts)) merge(child(root, name), keysIn(sub))
  return root
}

/** A subchart's keys below the key that its parent has for it. */
function merge(into, from) {
  for (const [key, own] of from.below) merge(child(into, key), own)
  into.open = into.below.size === 0 && (into.open || isOpen(from))
}

/** What only templates name may be a map: a leaf of those is open. */
const isOpen = own => own.open || (own.new === true && own.below.size === 0)

function lines(at, blanks = '') {
  return [...at.below]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, own]) => [
      `${blanks}${key}${isOpen(own) ? ' *' : ''}`,
      ...(isOpen(own) ? [] : lines(own, `${blanks}  `)),
    ])
}

const [dir, accept] = process.argv.slice(2)
if (dir === undefined || !existsSync(dir)) {
  console.error('usage: node --import=./scripts/load-ts.js scripts/charts.js DIR [--accept]')
  process.exit(1)
}
const pinned = new Map(FILLED.map(filled => [filled.chart, filled]))
const texts = []
for (const [name, filled] of pinned) {
  const path = chartIn(dir, filled)
  if (path === undefined) {
    console.log(`${name} ${filled.version}: not in ${dir}`)
    continue
  }
  const chart = unpacked(path)
  const { version } = parse(chart.files['Chart.yaml'] ?? '') ?? {}
  if (version !== filled.version) {
    console.log(`${name}: ${path} is version ${version}, not ${filled.version}`)
    continue
  }
  const sha256 = digest(chart)
  const old = existsSync(keyFile(name)) ? keysOf(name) : undefined
  if (old?.version === version && old.sha256 !== sha256 && accept !== '--accept') {
    console.error(
      `${name} ${version}: sha256 ${sha256}, but its list is of ${old.sha256}. Is it the same chart? --accept takes it.`,
    )
    process.exitCode = 1
    continue
  }
  const keys = keysIn(chart)
  for (const passed of PASSED_ON[name] ?? []) {
    const at = passed.split('.').reduce(child, keys)
    at.open = true
  }
  texts.push([keyFile(name), `${name} ${version} sha256:${sha256}\n${lines(keys).join('\n')}\n`])
}
if (process.exitCode !== 1)
  for (const [file, text] of texts) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.log(`${file}: ${text.split('\n').length - 2} keys`)
  }
