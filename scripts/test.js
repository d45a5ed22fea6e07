// `npm test`: builds the bundle, runs every test file with tap, and ends with the line "N passed, N failed, N skipped",
// counted from tap's own results. Arguments are test files (default: all). What was skipped is listed with its reason.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { build } from './build.js'

await build()
mkdirSync('.tap', { recursive: true })
const results = '.tap/results.tap'
rmSync(results, { force: true })
const files = process.argv.slice(2)
const run = spawnSync(
  'npx',
  [
    'tap',
    `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`,
    `--output-file=${results}`,
    ...(files.length > 0 ? ['--disable-coverage', ...files] : []),
  ],
  { stdio: 'inherit' },
)

const text = readFileSync(results, 'utf8')
// tap closes with its own count: # { total: 119, pass: 118, fail: 1, skip: 2 }
const total = [...text.matchAll(/^# \{ (.*) \}$/gm)].at(-1)?.[1] ?? ''
const count = name => Number(new RegExp(`\\b${name}: (\\d+)`).exec(total)?.[1] ?? 0)
const counts = {
  passed: count('pass'),
  failed: count('fail'),
  skipped: count('skip') + count('todo'),
}
const skipped = text
  .split('\n')
  .filter(line => /^\s*ok .*# (SKIP|TODO)/i.test(line))
  .map(line => line.replace(/^\s*ok \d+ - /, ''))
// A file that dies or times out fails without a failing assertion.
if (run.status !== 0 && counts.failed === 0) counts.failed = 1
if (skipped.length > 0) console.log(`\nskipped:\n${skipped.map(s => `  ${s}`).join('\n')}`)
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = run.status === 0 && counts.failed === 0 ? 0 : 1
