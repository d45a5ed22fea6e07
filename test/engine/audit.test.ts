// The audit on hosts: what its line says, and that appending it never follows what another user has planted.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Event } from '../../lib/engine/events.ts'
import { Audit, auditLine, auditScript } from '../../lib/engine/host/audit.ts'
import type { Run } from '../../lib/engine/settings.ts'

const WHEN = new Date('2026-11-30T17:40:05.123Z')

void t.test('the line', t => {
  t.equal(
    auditLine(WHEN, 'root@admin1 (anna), run 5a3b0012: fmc play site', [
      'base/file /etc/motd',
      'base/service cron (failed)',
    ]),
    '2026-11-30T17:40:05Z root@admin1 (anna), run 5a3b0012: fmc play site: base/file /etc/motd, base/service cron (failed)',
  )
  const many = auditLine(
    WHEN,
    'x',
    Array.from({ length: 500 }, (_, n) => `role/file ${n}`),
  )
  t.match(many, /, role\/file \d+ … \d+ more$/)
  t.match(
    auditLine(WHEN, 'a\nb\u001b[2J', ['r/t\r\n2026 root: forged']),
    /^2026\S+ a\\nb\^\[\[2J: r\/t\\r\\n2026 root: forged$/,
  )
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.array(fc.string({ unit: 'binary', maxLength: 4000 })),
      (by, tasks) => {
        const line = auditLine(WHEN, by, tasks)
        return line.length <= 2000 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line)
      },
    ),
    { numRuns: 200 },
  )
  t.end()
})

const event = (host: string, task: string, more: object): Event => ({
  ...{ type: 'task', host, play: 'p', role: 'r', task, status: 'changed' as const },
  ...{ predicted: true, changes: [{ what: 'content' }], ms: 1 },
  ...more,
})

/** What an audit writes on hosts that a run has written to, and what it says about it. */
async function written(
  by: string | undefined,
  events: readonly Event[],
  answers: Record<string, object> = {},
) {
  const scripts: string[] = []
  const notes: Event[] = []
  const host = (name: string) => ({
    host: { name },
    connection: {
      session: {
        lost: false,
        run: (script: string) => {
          scripts.push(`${name}: ${script.split('printf').at(-1) ?? ''}`)
          return Promise.resolve({ code: 0, stdout: '', stderr: '' })
        },
        ...answers[name],
      },
    },
  })
  const audit = new Audit(by)
  for (const e of events) audit.note(e)
  await audit.write({
    settings: { kill: new AbortController().signal },
    fleet: { touched: ['a', 'b', 'c'].map(host) },
    emit: (note: Event) => notes.push(note),
  } as unknown as Run)
  return { scripts, notes }
}

void t.test(
  'one line per host that changed: what changed or failed there in the apply',
  async t => {
    const events: Event[] = [
      { type: 'pass', pass: 'plan', state: 'start' },
      event('a', 'planned only', {}),
      { type: 'pass', pass: 'apply', state: 'start' },
      event('a', 'file /x', {}),
      event('a', 'is ok', { status: 'ok', changes: [] }),
      event('a', 'by another task', { changes: [] }),
      event('b', 'file /y', { delegatedBy: 'a' }),
      event('b', 'service z', { status: 'failed', changes: [] }),
      { type: 'pass', pass: 'apply', state: 'end' },
      event('c', 'verified only', { status: 'failed' }),
    ]
    const { scripts, notes } = await written('me', events)
    t.equal(scripts.length, 2)
    t.match(scripts[0], /^a: .* me: r\/file \/x' >&8/)
    t.match(scripts[1], /^b: .* me: r\/file \/y, r\/service z \(failed\)' >&8/)
    t.same(notes, [])
    t.same((await written(undefined, events)).scripts, [], 'nobody asked for an audit')
    t.same((await written('me', events.slice(0, 2))).scripts, [], 'nothing changed')
    const refused = await written('me', events, {
      a: {
        run: () => Promise.resolve({ code: 1, stdout: '', stderr: 'it is not\u001b a file\n' }),
      },
      b: { run: () => Promise.reject(new Error('took longer')) },
    })
    t.match(refused.notes, [
      {
        level: 'warning',
        host: 'a',
        text: 'no audit line in /var/log/fmc.log: it is not^[ a file',
      },
      { level: 'warning', host: 'b', text: /took longer$/ },
    ])
    const full = await written('me', events, {
      a: { run: () => Promise.resolve({ code: 0, stdout: '', stderr: 'mv: a directory\n' }) },
    })
    t.match(full.notes, [
      {
        level: 'warning',
        host: 'a',
        text: /has the audit line, but could not be put aside: mv: a directory$/,
      },
    ])
    const gone = await written('me', events, { a: { lost: true }, b: { lost: true } })
    t.same([gone.scripts, gone.notes], [[], []], 'a host that the run has removed')
  },
)

const root = process.getuid?.() === 0 ? {} : { skip: 'only root can append as root does on a host' }
const SHELLS = [['dash'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([name = '']) => existsSync(`/bin/${name}`) || existsSync(`/usr/bin/${name}`),
)

void t.test('appending, and what another user may have planted', root, t => {
  const dir = t.testdir()
  let n = 0
  for (const shell of SHELLS) {
    const place = (): string => {
      const log = join(dir, `${++n}`)
      mkdirSync(log)
      return join(log, 'fmc.log')
    }
    const append = (file: string, line = 'a line', max = 1000) => {
      const [program, ...args] = [...shell, '-c', auditScript(line, file, max)]
      return spawnSync(program, args, { encoding: 'utf8', timeout: 5000 })
    }
    const file = place()
    const [hostile, second] = [`it's $(touch ${dir}/ran) \`id\` "x" \\`, 'two']
    for (const line of [hostile, second])
      t.match(append(file, line), { status: 0, stdout: '', stderr: '' })
    t.equal(readFileSync(file, 'utf8'), `${hostile}\n${second}\n`)
    t.equal(lstatSync(file).mode & 0o7777, 0o640)
    t.notOk(existsSync(join(dir, 'ran')))

    for (let i = 0; i < 30; i++) append(file, 'x'.repeat(99))
    t.ok(lstatSync(file).size <= 1100 && lstatSync(`${file}.1`).size <= 1200, 'rotated by size')

    const victim = join(dir, `victim${n}`)
    const planted: Record<string, (log: string) => void> = {
      'a link': log => symlinkSync(victim, log),
      'a link to nothing': log => symlinkSync(`${victim}-new`, log),
      'a further name of a file of root': log => linkSync(victim, log),
      'a FIFO': log => void spawnSync('mkfifo', [log]),
      'a directory': log => mkdirSync(log),
      'a file of another user': log => {
        writeFileSync(log, 'x')
        chownSync(log, 65534, 65534)
      },
      'a file that a group may write': log => {
        writeFileSync(log, 'x')
        chmodSync(log, 0o660)
      },
      'a file that others may write': log => {
        writeFileSync(log, '')
        chmodSync(log, 0o642)
      },
    }
    writeFileSync(victim, 'victim')
    for (const [what, plant] of Object.entries(planted)) {
      const log = place()
      plant(log)
      const before = lstatSync(log)
      const { status, stderr } = append(log)
      t.equal(status, 1, `${shell.join(' ')}: ${what}`)
      t.match(stderr, /not a regular file|others may write|one name/, what)
      t.equal(readFileSync(victim, 'utf8'), 'victim', what)
      t.notOk(existsSync(`${victim}-new`), what)
      const after = lstatSync(log)
      t.same([after.ino, after.mode, after.size], [before.ino, before.mode, before.size], what)
    }
    const rotated = place()
    writeFileSync(rotated, 'x'.repeat(2000), { mode: 0o640 })
    symlinkSync(victim, `${rotated}.1`)
    t.equal(append(rotated).status, 0, 'a link in the place of the old file is replaced')
    t.equal(readFileSync(victim, 'utf8'), 'victim')
    t.equal(readFileSync(rotated, 'utf8'), 'a line\n')
    const stuck = place()
    const directory = `${stuck}.1`
    writeFileSync(stuck, 'x'.repeat(2000), { mode: 0o640 })
    mkdirSync(directory)
    writeFileSync(join(directory, 'of a user'), 'x')
    const over = append(stuck)
    t.match(over, { status: 0, stderr: /directory/ }, 'a directory there: the line, and why')
    t.match(readFileSync(stuck, 'utf8'), /xa line\n$/)
    for (let i = 0; i < 40; i++) append(stuck, 'y'.repeat(99))
    t.match(append(stuck), { status: 1, stderr: /directory[^]*it is full/ })
    t.ok(lstatSync(stuck).size <= 4100, 'the file does not grow without end')
    t.same(readdirSync(directory), ['of a user'], 'and nothing is written there')
    rmSync(directory, { recursive: true })
    t.match(append(stuck), { status: 0, stderr: '' }, 'once it is gone, the file is put aside')
    t.equal(readFileSync(stuck, 'utf8'), 'a line\n')
    const elsewhere = place()
    symlinkSync(join(elsewhere, '..'), join(dir, `link${n}`))
    t.equal(append(join(dir, `link${n}`, 'fmc.log')).status, 0, 'root has moved the directory')
  }
  t.end()
})
