// `npm test`: builds the bundle, runs every test file with tap, and ends with the line "N passed, N failed, N skipped",
// counted from tap's own results. Arguments are test files (default: all). Before that line it lists
// the slowest files, every failure with its file, its subtests and tap's diagnostics, and every skipped test with its reason.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { parse } from 'yaml'
import { build } from './build.js'
import { haveTypes, makeTypes } from './types.js'

await build()
if (!haveTypes()) makeTypes()
mkdirSync('.tap', { recursive: true })
const given = process.argv.slice(2)
const { serial } = parse(readFileSync('.taprc', 'utf8'))
// tap goes through the files by name, and lets all others end before one that is serial: in one run with them, most of the
// machine would wait eight times.
const ran =
  given.length > 0
    ? [tap(given, ['--disable-coverage'])]
    : [
        tap(testFiles().filter(file => !serial.includes(file))),
        tap(serial, ['--disable-coverage', '--jobs=1']),
      ]
const text = ran.map(r => r.text).join('')
// tap closes with its own count: # { total: 119, pass: 118, fail: 1, skip: 2 }
const totals = ran.map(r => [...r.text.matchAll(/^# \{ (.*) \}$/gm)].at(-1)?.[1] ?? '')
const count = name =>
  totals.reduce(
    (sum, total) => sum + Number(new RegExp(`\\b${name}: (\\d+)`).exec(total)?.[1] ?? 0),
    0,
  )
const counts = {
  passed: count('pass'),
  failed: count('fail'),
  skipped: count('skip') + count('todo'),
}
const skipped = text
  .split('\n')
  .filter(line => /^\s*ok .*(?<!\\)# (SKIP|TODO)/i.test(line))
  .map(line => line.replace(/^\s*ok \d+ - /, ''))
const failures = failed(text.split('\n'))
const slowest = [...text.matchAll(/^(?:not )?ok \d+ - (test\/\S+) # time=([\d.]+)ms/gm)]
  .map(([, file, ms]) => [Math.round(Number(ms) / 1000), file])
  .sort(([a], [b]) => b - a)
  .slice(0, 20)
// A file that dies or times out fails without a failing assertion.
const ok = ran.every(r => r.status === 0)
if (!ok && counts.failed === 0) counts.failed = 1
if (given.length === 0)
  console.log(`\nslowest, in seconds:\n${slowest.map(([s, file]) => `  ${s} ${file}`).join('\n')}`)
if (skipped.length > 0) console.log(`\nskipped:\n${skipped.map(s => `  ${s}`).join('\n')}`)
if (failures.length > 0) console.log(`\nfailed:\n${failures.join('\n')}`)
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = ok && counts.failed === 0 ? 0 : 1

/** Every test file, by name. */
function testFiles() {
  return readdirSync('test', { recursive: true })
    .filter(file => file.endsWith('.test.ts'))
    .map(file => `test/${file}`)
    .sort()
}

/** Runs tap on files. Returns its results, which it also shows while it runs. */
function tap(files, options = []) {
  const results = '.tap/results.tap'
  rmSync(results, { force: true })
  const { status } = spawnSync(
    'npx',
    [
      'tap',
      `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`,
      `--output-file=${results}`,
      // Not a terminal: a table of all files might push the failures out of a log that is cut.
      ...(process.stdout.isTTY ? [] : ['--coverage-report=text-summary']),
      // VMs take half an hour under emulation, and so does a cluster of the real K3s.
      ...(process.env.FMC_TEST_VM || process.env.FMC_TEST_K3S ? ['--timeout=2700'] : []),
      ...options,
      ...files,
    ],
    { stdio: 'inherit' },
  )
  return { status, text: readFileSync(results, 'utf8') }
}

/** The innermost failures in TAP lines: where each stands (file > subtest > … > test), then what tap says of it. */
function failed(lines) {
  const path = []
  const found = []
  let inner = -1
  lines.forEach((line, at) => {
    const depth = line.search(/\S/) / 4
    const subtest = /^\s*# Subtest: (.*)$/.exec(line)
    if (subtest) {
      path.length = depth
      path[depth] = subtest[1]
    }
    const not = /^\s*not ok \d+(?: - (.*))?$/.exec(line)
    if (!not) return
    // A subtest ends with a line of its own, one step further out than the failure in it that was just listed.
    if (inner > depth) {
      inner = depth
      return
    }
    inner = depth
    const said = lines.slice(at + 1).findIndex(l => !/^\s*$/.test(l) && l.search(/\S/) <= depth * 4)
    const more = lines
      .slice(at + 1, at + 1 + Math.min(said < 0 ? 40 : said, 40))
      .map(l => l.slice(depth * 4))
    found.push(
      [
        '  ' + [...path.slice(0, depth), not[1] ?? '(no name)'].join(' > '),
        ...more.map(l => `    ${l}`),
      ].join('\n'),
    )
  })
  return found
}
