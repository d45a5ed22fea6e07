import { deepStrictEqual, ok } from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { EXIT } from '../../../lib/errors.ts'
import type { Counts, Event } from '../../../lib/engine/events.ts'
import { fullVolumes } from '../../../lib/engine/host/full.ts'
import { Journal } from '../../../lib/engine/host/journal.ts'
import { lockScript } from '../../../lib/engine/host/lock.ts'
import { Questions } from '../../../lib/engine/host/questions.ts'
import { Recap } from '../../../lib/engine/recap.ts'
import { batch, keyOf, type Query } from '../../../lib/facts/index.ts'
import { target, type Target } from '../harness.ts'
import { jsonMutants } from '../json.ts'
import { mutants, nasty, word } from '../text.ts'
import { place } from './place.ts'

const WORD = '01234567-89ab-cdef-0123-456789abcdef'
const MARK = `\x1e${WORD}:lock:`
const HELD =
  'locked\nroot 77 root sh\nroot 78 root flock /run/fmc.lock\n\x1dplay site since 10:00 (shell pid 77)\n'
const LOCK = [HELD, 'locked\n\x1d', 'mine', 'root', 'flock', 'open']

/** Only the right word gives the lock. Any other answer is an error, and the processes that its hint would end are numbers. */
const lock = target(
  'engine/lock',
  fc.tuple(mutants(LOCK), fc.constantFrom('exclusive', 'shared', 'none'), nasty(2), fc.nat(3)),
  ([said, kind, rest, garble]) => {
    const { script, read } = lockScript(kind, "play site by o'neil")
    ok(script.includes(':lock:'), 'the script does not spell its mark')
    const verdict = read(garble === 0 ? `${said}${rest}` : `${said}${MARK}${rest}`, WORD)
    if (verdict.error === undefined)
      return deepStrictEqual([said, verdict.rest, garble > 0], ['mine', rest, true])
    const { hint = '' } = verdict.error as { hint?: string }
    for (const [, pids = ''] of hint.matchAll(/\bkill(?: -HUP)?([^;]*)/g))
      ok(/^( \d+)+$/.test(pids), hint)
  },
)

const DAY = 24 * 3600 * 1000
const NOW = 1_700_000_000_000
const isRecent = (time: number | undefined): boolean =>
  time === undefined || (Number.isFinite(time) && time > NOW - DAY && time <= NOW)

const journal = target(
  'engine/journal',
  fc.tuple(
    fc.integer({ min: NOW - 2 * DAY, max: NOW + DAY }),
    fc.option(mutants([`${NOW - 1000}\n`])),
    fc.nat(30),
  ),
  ([time, content, odd]) => {
    const job = new Journal(place(), ['fuzz'])
    if (odd === 0) {
      rmSync(job.file, { recursive: true, force: true })
      mkdirSync(job.file, { recursive: true })
      deepStrictEqual(job.unfinished(NOW), undefined)
      rmSync(job.file, { recursive: true, force: true })
      return
    }
    job.begin(time)
    if (content !== null) writeFileSync(job.file, content)
    const found = job.unfinished(NOW)
    ok(isRecent(found), `a job that began at ${String(found)}`)
    if (content === null && time <= NOW && time > NOW - DAY / 2) deepStrictEqual(found, time)
    job.end()
    deepStrictEqual(job.unfinished(NOW), undefined)
  },
  { weight: 0.3, examples: [[NOW - 1, null, 0]] },
)

const FAMILIES = ['path', 'command', 'unit', 'content', 'pending', 'user'] as const
const query: fc.Arbitrary<Query> = fc
  .tuple(fc.constantFrom(...FAMILIES), fc.oneof(word, nasty(2)))
  .map(([family, arg]) => ({ family, arg }))

/** A file that is not a list of questions counts as none. Every question that was read can be asked. */
const questions = target(
  'engine/questions',
  fc.tuple(
    fc.array(query, { maxLength: 5 }),
    fc.option(
      jsonMutants([
        [
          { family: 'path', arg: '/etc/fstab' },
          { family: 'command', arg: 'id' },
        ],
        [],
      ]),
    ),
  ),
  ([asked, content]) => {
    const dir = place()
    rmSync(join(dir, 'questions'), { recursive: true, force: true })
    const kept = new Questions(dir, 'inventory.yaml', 'play site', 'n1')
    kept.save(asked, [])
    const [file] = content === null ? [] : readable(dir)
    if (content !== null && file !== undefined) writeFileSync(file, content)
    const found = kept.load()
    ok(batch(found).script.length >= 0)
    if (content === null)
      deepStrictEqual(
        found.map(q => keyOf(q)),
        asked.filter(canBeAsked).map(q => keyOf(q)),
      )
  },
  { weight: 0.2, examples: [[[{ family: 'path', arg: '\0' }], null]] },
)

/** Some families want a path, and no question has a NUL or half a character in it. */
const canBeAsked = (q: Query): boolean => {
  try {
    return !/[\0\p{Cs}]/u.test(batch([q]).script)
  } catch {
    return false
  }
}

const readable = (dir: string): string[] => {
  try {
    return readdirSync(join(dir, 'questions')).map(name => join(dir, 'questions', name))
  } catch {
    return []
  }
}

const STATUS = ['ok', 'changed', 'skipped', 'failed', 'unreachable'] as const
const task: fc.Arbitrary<Event> = fc
  .tuple(word, fc.constantFrom(...STATUS), fc.boolean(), fc.boolean())
  .map(([host, status, unpredicted, unneeded]): Event => ({
    ...{ type: 'task', host, play: 'p', role: 'r', task: 't', status, predicted: false },
    ...{ changes: [], ms: 1, ...(unpredicted && { unpredicted }), ...(unneeded && { unneeded }) },
  }))

/** The recap counts what the events say, host by host, whatever the hosts' names. A failure never has exit code 0. */
const recap = target(
  'engine/recap',
  fc.tuple(fc.array(task, { maxLength: 20 }), fc.boolean(), fc.boolean(), fc.boolean()),
  ([events, dryRun, pendingIsError, interrupted]) => {
    const counter = new Recap()
    for (const event of events) counter.count(event)
    const end = counter.event({
      ...{ dryRun, pendingIsError, interrupted, seconds: 1, failed: false },
      ...{
        locked: [],
        left: { undone: {}, notReached: {} },
        stoppedBy: undefined,
        next: undefined,
      },
    })
    const told = events.filter(e => e.type === 'task')
    const count = (of: (e: (typeof told)[number]) => boolean): number => told.filter(of).length
    for (const status of STATUS)
      deepStrictEqual(
        end[status],
        count(e => e.status === status),
      )
    deepStrictEqual(
      end.unpredicted,
      count(e => e.unpredicted === true),
    )
    deepStrictEqual(new Set(Object.keys(end.hosts)), new Set(told.map(e => e.host)))
    for (const [host, own] of Object.entries<Counts>(end.hosts))
      for (const status of STATUS)
        deepStrictEqual(
          own[status],
          count(e => e.host === host && e.status === status),
        )
    const code = interrupted
      ? EXIT.interrupted
      : end.failed > 0
        ? EXIT.failed
        : end.unreachable > 0
          ? EXIT.unreachable
          : dryRun && pendingIsError && end.changed > 0
            ? EXIT.pending
            : EXIT.ok
    deepStrictEqual(end.exitCode, code)
  },
)

const DF = [
  '/dev/vda3 ext4 0 2097152 90000 131072 /var\n\n/dev/vda1 ext4 9000000 20000000 90000 131072 /\n',
  'srv1:/my data nfs4 0 2097152 - - /mnt/my data\n\n/dev/vdb xfs 500000 900000 0 131072 /var/spool\n',
]

/** df(1): at most three file systems, printable. `answer` may have 64 KiB. */
const volumes = target(
  'engine/volumes',
  mutants(DF),
  text => {
    const found = fullVolumes(text)
    ok(found.length <= 3)
    for (const { mount, source, type, ...numbers } of found) {
      ok(/^\/[\x20-\x7e]*$/.test(mount) && /^[\x20-\x7e]+$/.test(source) && type !== '')
      ok(Object.values(numbers).every(n => n >= 0))
    }
  },
  { examples: [`a${' '.repeat(65_000)}`, `${'a '.repeat(2000)}\n`.repeat(16)] },
)

export const engine: readonly Target[] = [lock, journal, questions, recap, volumes]
