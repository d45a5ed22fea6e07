// Words that readers of English stumble over: the field has a plainer one for each.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const PLACES = ['lib', 'roles', 'playbooks', 'docs', 'README.md', 'SECURITY.md']
const WORDS: Readonly<Record<string, string>> = {
  whoever: 'name who: a user, a host, the caller',
  anew: 'again, recreate, new',
  'is told': 'gets, receives',
  shall: 'must, is to',
  owes: 'has … pending',
  lest: 'so that … not',
  bury: 'drop',
  buried: 'dropped',
  voice: 'say what it is',
}

const files = (path: string): string[] =>
  path.includes('.')
    ? [path]
    : readdirSync(join(ROOT, path), { withFileTypes: true }).flatMap(e =>
        e.isDirectory() || /\.(ts|js|md)$/.test(e.name) ? files(`${path}/${e.name}`) : [],
      )

void t.test('plain words', t => {
  for (const file of PLACES.flatMap(files))
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .forEach((line, i) => {
        for (const [word, plain] of Object.entries(WORDS))
          if (new RegExp(`\\b${word}\\b`, 'i').test(line))
            t.fail(`${file}:${i + 1}: "${word}"; better: ${plain}`)
      })
  t.pass('all read')
  t.end()
})
