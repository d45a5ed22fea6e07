// What an apply of a saved plan leaves on the controller for the one after an interruption.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { areWide, Progress } from '../../lib/engine/saved/progress.ts'
import { ask } from '../../lib/facts/index.ts'

const digest = (text: string): string => Buffer.from(text).toString('base64url')
const progress = (dir: string, resumed: boolean, plan = 'p') =>
  new Progress(dir, plan, digest, resumed)

const fileOf = (dir: string): string => join(dir, 'jobs', readdirSync(join(dir, 'jobs'))[0] ?? '')

/** What a resumed apply believes after these lines. */
function believes(
  t: Test,
  note: (before: Progress) => void,
): (task: string, host: string) => boolean {
  const dir = t.testdir()
  note(progress(dir, false))
  const after = progress(dir, true)
  return (task, host) => after.mayHaveAltered(task, host)
}

void t.test('which tasks may find what the interrupted apply has done', t => {
  const named = believes(t, p => p.begin('one', 'a', false))
  t.same([named('one', 'a'), named('two', 'a'), named('one', 'b')], [true, false, true])
  const wide = believes(t, p => p.begin('one', 'a', true))
  t.same([wide('two', 'a'), wide('two', 'b')], [true, false])
  const done = believes(t, p => {
    p.begin('one', 'a', true)
    p.done('one')
  })
  t.same([done('one', 'a'), done('two', 'a')], [false, true])
  const refused = believes(t, p => {
    p.begin('one', 'a', true)
    p.refuse('two')
  })
  t.same([refused('two', 'a'), refused('three', 'a')], [false, true])
  t.end()
})

void t.test('each plan has its own, with digests only, and it ends', t => {
  const dir = t.testdir()
  progress(dir, false).begin('a secret name', 'a', true)
  t.notMatch(readFileSync(fileOf(dir), 'utf8'), /secret/)
  t.equal(progress(dir, true, 'another plan').mayHaveAltered('a secret name', 'a'), false)
  t.equal(progress(dir, true).mayHaveAltered('a secret name', 'a'), true)
  progress(dir, true).end()
  t.equal(progress(dir, true).mayHaveAltered('a secret name', 'a'), false)
  t.end()
})

void t.test('a line that is cut or strange says nothing', t => {
  const dir = t.testdir()
  const before = progress(dir, false)
  before.begin('one', 'a', false)
  const file = fileOf(dir)
  writeFileSync(file, `x\n\0\nwide\nbegun  ${digest('two')}\nwide ${digest('b')}`)
  const after = progress(dir, true)
  t.equal(after.mayHaveAltered('two', 'a'), false)
  t.equal(after.mayHaveAltered('two', 'b'), true, 'only the line end is missing')
  t.end()
})

void t.test('where nothing can be written, nothing counts as begun', t => {
  const dir = t.testdir({ jobs: 'a file' })
  const before = progress(dir, false)
  before.begin('one', 'a', true)
  before.done('one')
  before.end()
  t.equal(progress(dir, true).mayHaveAltered('one', 'a'), false)
  const there = t.testdir()
  progress(there, false).begin('one', 'a', true)
  const file = fileOf(there)
  progress(there, true).end()
  mkdirSync(file)
  progress(there, true).begin('one', 'a', true)
  progress(there, false).end()
  t.equal(progress(there, true).mayHaveAltered('one', 'a'), false)
  t.end()
})

void t.test('which changes may alter more than they name', t => {
  const path = [ask('path', '/x'), null] as const
  const unit = [ask('unit', 'x'), null] as never
  const change = (factsAfter: readonly never[], more = {}) =>
    areWide([{ what: 'x', script: 'x', factsAfter, ...more }], false)
  t.equal(change([path as never]), false)
  t.equal(change([path as never, unit]), false, 'a unit file')
  t.equal(change([unit]), true, 'a unit that starts')
  t.equal(change([]), true)
  t.equal(change([path as never], { reboots: true }), true)
  t.equal(areWide([{ what: 'x', factsAfter: [path as never] }], true), true)
  t.end()
})
