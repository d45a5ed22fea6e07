// No script of a role hides that a command has failed, unless a comment beside it says which failure is expected.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

/** Shell text that makes a failed command count as a success. */
const HIDES: readonly RegExp[] = [
  /\|\| *(:|true)(?=\s*([;&`'")}]|\\n|$))/,
  /(;|&&|\\n) *(:|true)\s*[`'"]/,
  /^\s*(:|true)`/,
  /\bset \+e\b/,
]
/** TypeScript of its own: an answer that is `true` unless there is something to say. */
const CODE = /[)\]] \|\| true[,;]?$|^\s*return .* \|\| true$/

const SAYS = /may fail:|\(\w+ may fail/i

/** Lines that hide a failure, in blocks (between empty lines) whose comments do not say which one is expected. */
function hidden(source: string): string[] {
  const lines = source.split('\n')
  const from = (i: number): number => lines.slice(0, i).lastIndexOf('') + 1
  const to = (i: number): number => (lines.indexOf('', i) + lines.length + 1) % (lines.length + 1)
  // Prettier wraps comments: the words may stand on two lines.
  const block = (i: number): string =>
    lines
      .slice(from(i), to(i))
      .join(' ')
      .replace(/\s+\*?\s*/g, ' ')
  return lines.filter(
    (line, i) => HIDES.some(h => h.test(line)) && !CODE.test(line) && !SAYS.test(block(i)),
  )
}

t.test('the scan finds what hides a failure, and what says why', t => {
  for (const line of [
    'k3s etcd-snapshot prune --name fmc >&2 || :',
    'const s = `rm x || true`',
    '$`systemctl start x || :`',
    'ls a || true; ls b',
    '  x=$(ls y || true)',
    'const s = `cd /x; true`',
    ':`',
    'set +e',
  ]) {
    t.strictSame(hidden(`a\n\n${line}\nb`), [line])
    t.strictSame(hidden(`/** It. May\n * fail: rm, of nothing. */\n${line}`), [], `said: ${line}`)
    t.strictSame(hidden(`// May fail: rm.\n\n${line}`), [line], `said elsewhere: ${line}`)
  }
  for (const line of [
    "return wrong.length === 0 || wrong.join('; ') || true",
    'if systemctl is-active -q x; then : >active; fi',
    'a || b',
    'return state.healthy || true',
    'while true; do x; done',
  ])
    t.strictSame(hidden(line), [], line)
  t.end()
})

t.test('no script of a role hides a failure without a word', t => {
  const found = ['roles', 'playbooks'].flatMap(dir =>
    readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts'))
      .flatMap(file =>
        hidden(readFileSync(join(ROOT, dir, file), 'utf8')).map(l => `${dir}/${file}: ${l.trim()}`),
      ),
  )
  t.strictSame(found, [], 'say "May fail: WHAT, WHEN" in a comment, or let it fail')
  t.end()
})
