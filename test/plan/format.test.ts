// The file of a saved plan: what is read back, and what is refused.
import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { momentOf } from '../../lib/cli/plans/moment.ts'
import { digestWith, newDigestKey, openBox, sealBox } from '../../lib/plan/box.ts'
import { appendToPlan, readPlanFile, writeWhole } from '../../lib/plan/file.ts'
import {
  approvalsLeft,
  demandInTime,
  HEAD,
  parsePlan,
  approvalLine,
  writePlan,
  type PlanBody,
} from '../../lib/plan/format.ts'
import { moved } from '../../lib/plan/moved.ts'
import { approverKey, nameOfKey, parseSigners } from '../../lib/plan/signers.ts'
import {
  fingerprint,
  isSignedBy,
  keyOfFile,
  keyOfIdentity,
  rawKey,
  type SigningKey,
} from '../../lib/plan/signing.ts'
import { viewHtml } from '../../lib/plan/html.ts'
import { viewLines, viewOf, viewText } from '../../lib/plan/view.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { newKey } from '../secrets/keys.ts'

const identity = (n: number) => new Secret(`AGE-SECRET-KEY-1TEST${n}`)
const alice = keyOfIdentity(identity(1))
const boss = keyOfIdentity(identity(2))

const BODY: PlanBody = {
  id: '0123456789abcdef0123456789abcdef',
  made: '2026-12-04T15:00:00.000Z',
  fmc: '1.0.0',
  by: { user: 'alice', controller: 'laptop' },
  run: { kind: 'play', name: 'site' },
  options: { inventory: '/p/inventory.yaml', lab: false, limit: ['a', 'b'], extraVars: ['n'] },
  approvers: [{ name: 'boss', key: boss.publicKey }],
  hosts: ['a', 'b'],
  inputs: [{ kind: 'file', name: 'roles/x/index.ts', digest: 'AbC' }],
  sealed: '-----BEGIN AGE ENCRYPTED FILE-----\n…\n',
  tasks: [
    {
      ...{ play: 'P', host: 'a', role: 'r', task: 'file /x' },
      changes: [{ what: 'content', way: 'w', results: ['r1'] }],
      facts: [{ question: 'q', family: 'sha', answer: 'n' }],
    },
  ],
}
const FILE = writePlan(BODY, alice)

void t.test('a plan is read as it was written', t => {
  const plan = parsePlan(FILE, 'p.fmc')
  t.strictSame(plan.body, BODY)
  t.equal(plan.signer, alice.publicKey)
  t.strictSame(approvalsLeft(plan), ['boss'])
  const approved = parsePlan(
    FILE + approvalLine(plan, 'boss', boss, '2026-12-05T09:00:00.000Z'),
    'p',
  )
  t.match(approved.approvals, [{ name: 'boss', key: boss.publicKey }])
  t.strictSame(approvalsLeft(approved), [])
  t.end()
})

void t.test(
  'an approval counts only with the key that the plan names, for this plan and this name',
  t => {
    const plan = parsePlan(FILE, 'p')
    t.strictSame(approvalsLeft(parsePlan(FILE + approvalLine(plan, 'boss', alice), 'p')), ['boss'])
    t.strictSame(approvalsLeft(parsePlan(FILE + approvalLine(plan, 'other', boss), 'p')), ['boss'])
    const another = writePlan({ ...BODY, id: 'f'.repeat(32) }, alice)
    const line = approvalLine(plan, 'boss', boss).split('\n')[0] ?? ''
    t.throws(() => parsePlan(`${another}${line}\n`, 'p'), /p:4: the signature of this approval/)
    t.throws(() => parsePlan(`${FILE}${line.replace('"boss"', '"mate"')}\n`, 'p'), /p:4:/)
    t.throws(() => parsePlan(`${FILE}${line.replace('T', ' ')}\n`, 'p'), /p:4:/)
    t.throws(() => parsePlan(FILE + `${line}\n`.repeat(17), 'p'), /too many approvals/)
    t.end()
  },
)

void t.test('every changed, added or missing byte is noticed', t => {
  const whole = FILE + approvalLine(parsePlan(FILE, 'p'), 'boss', boss)
  const refused = (text: string): boolean => {
    try {
      parsePlan(text, 'p')
      return false
    } catch (error) {
      return error instanceof Error && error.name === 'UsageError'
    }
  }
  for (let at = 0; at < whole.length; at++) {
    const flipped = String.fromCharCode(whole.charCodeAt(at) ^ 1)
    if (!refused(whole.slice(0, at) + flipped + whole.slice(at + 1))) t.fail(`byte ${at} changed`)
    if (!refused(whole.slice(0, at) + whole.slice(at + 1))) t.fail(`byte ${at} removed`)
    if (!refused(`${whole.slice(0, at)} ${whole.slice(at)}`)) t.fail(`a blank at ${at}`)
  }
  t.ok(refused(`${whole} `) && refused(`${whole}\n`) && refused(whole.slice(0, -1)))
  fc.assert(
    fc.property(fc.string(), text => refused(text) && refused(`${HEAD}\n${text}`)),
    { numRuns: 200 },
  )
  t.end()
})

void t.test('a plan whose line ends a tool has changed', t => {
  for (const end of ['\r\n', '\r'])
    t.throws(() => parsePlan(FILE.replaceAll('\n', end), 'p'), {
      message: /^p:1: its line ends are not those that fmc writes/,
    })
  t.end()
})

void t.test('what is signed must also be a plan', t => {
  const signed = (body: unknown) => writePlan(body as PlanBody, alice)
  for (const [body, message] of [
    [{ ...BODY, more: 1 }, /p:2: .*more/],
    [{ ...BODY, id: '../../x' }, /p:2: id: /],
    [{ ...BODY, made: 'yesterday' }, /p:2: made: /],
    [{ ...BODY, run: { kind: 'shell', name: 'x' } }, /p:2: run\.kind: /],
    [{ ...BODY, tasks: [{ ...BODY.tasks[0], changes: 'all' }] }, /p:2: tasks\.0\.changes: /],
    [[], /p:2: this line: /],
  ] as const)
    t.throws(() => parsePlan(signed(body), 'p'), message)
  t.throws(() => parsePlan('{"type":"fmc-plan","format":2}\n', 'p'), /another version/)
  t.throws(() => parsePlan('hosts:\n  a: {}\n', 'p'), { message: 'p is not a saved plan' })
  t.end()
})

void t.test('its time', t => {
  const at = (text: string) => new Date(text)
  const window = { notBefore: '2026-12-06T01:00:00.000Z', validUntil: '2026-12-06T05:00:00.000Z' }
  t.throws(
    () => demandInTime(window, 'p', at('2026-12-06T00:59:59Z')),
    /must not be applied before/,
  )
  demandInTime(window, 'p', at('2026-12-06T01:00:00Z'))
  demandInTime(window, 'p', at('2026-12-06T05:00:00Z'))
  t.throws(() => demandInTime(window, 'p', at('2026-12-06T05:00:01Z')), /was valid until/)
  const now = Date.parse('2026-12-04T00:00:00Z')
  for (const [text, moment] of [
    ['2026-12-06T02:00+01:00', '2026-12-06T01:00:00.000Z'],
    ['2026-12-06 02:00:30Z', '2026-12-06T02:00:30.000Z'],
    ['3d', '2026-12-07T00:00:00.000Z'],
    ['90m', '2026-12-04T01:30:00.000Z'],
  ] as const)
    t.equal(momentOf('--not-before', text, now), moment)
  for (const text of ['', 'sunday', '2026-12-06T02:00', '2026-13-06T02:00Z', '3', '-3d', '3y'])
    t.throws(() => momentOf('--not-before', text, now), /^UsageError|--not-before/, text)
  t.end()
})

void t.test('keys', async t => {
  t.equal(keyOfIdentity(identity(1)).publicKey, alice.publicKey, 'the same identity, the same key')
  t.not(alice.publicKey, boss.publicKey)
  const works = (key: SigningKey) =>
    isSignedBy(key.publicKey, 'x', key.sign('x')) && !isSignedBy(key.publicKey, 'y', key.sign('x'))
  t.ok(works(alice))
  t.notOk(isSignedBy(boss.publicKey, 'x', alice.sign('x')))
  for (const no of ['', 'ssh-rsa AAAA', `${alice.publicKey} `, 'ssh-ed25519 AAAA'])
    t.equal(rawKey(no), undefined, no)

  await t.test('as ssh-keygen makes and shows them', t => {
    const dir = t.testdir({})
    const file = join(dir, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'me', '-f', file])
    const key = keyOfFile(readFileSync(file, 'utf8'), file)
    t.equal(`${key.publicKey} me\n`, readFileSync(`${file}.pub`, 'utf8'))
    t.ok(works(key))
    const shown = execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' })
    t.match(shown, fingerprint(key.publicKey))
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'hush', '-f', file])
    t.throws(() => keyOfFile(readFileSync(file, 'utf8'), file), /encrypted with a passphrase/)
    t.end()
  })

  const pem = (kind: 'ed25519' | 'x25519') =>
    generateKeyPairSync(kind as 'ed25519')
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString()
  t.ok(works(keyOfFile(pem('ed25519'), 'k')))
  t.throws(() => keyOfFile(pem('x25519'), 'k'), { message: 'k is not an Ed25519 key' })
  t.throws(() => keyOfFile('hunter2', 'k'), /^UsageError|k is not an Ed25519 private key/)
  const broken = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA////\n-----END'
  t.throws(() => keyOfFile(broken, 'k'), { message: 'k is damaged' })
})

void t.test('whose keys a project knows', t => {
  const text = `# people\n\nalice ${alice.publicKey} alice@laptop\nboss  ${boss.publicKey}\n`
  const signers = parseSigners(text, 'signers')
  t.equal(nameOfKey(signers, alice.publicKey), 'alice')
  t.equal(approverKey(signers, 'boss', 'signers'), boss.publicKey)
  t.throws(() => approverKey(signers, 'bos', 'signers'), {
    name: 'UsageError',
    hint: 'did you mean boss?',
  })
  const two = parseSigners(`${text}boss ${alice.publicKey}\n`, 'signers')
  t.throws(() => approverKey(two, 'boss', 'signers'), /has 2 keys of boss/)
  for (const line of ['alice', 'alice ssh-rsa AAAAB3', 'a/b ssh-ed25519 AAAA', alice.publicKey])
    t.throws(() => parseSigners(`#\n${line}\n`, 'signers'), /^signers:2: expected NAME/, line)
  t.end()
})

void t.test('what has changed since, in words', t => {
  const then = [
    { kind: 'file', name: 'roles/a/index.ts', digest: '1' },
    { kind: 'variable', name: 'web1 motd_text', digest: '1' },
    { kind: 'secret', name: 'db', digest: '1' },
    { kind: 'host', name: 'web2', digest: '1' },
  ] as const
  t.strictSame(moved(then, then), [])
  const [file, variable, secret] = then
  t.strictSame(
    moved(then, [
      { ...file, digest: '2' },
      { ...variable, digest: '2' },
      { ...secret, digest: '2' },
      { kind: 'inventory', name: 'networks', digest: '1' },
      { kind: 'fmc', name: 'version', digest: '1' },
    ]),
    [
      'roles/a/index.ts has changed',
      'the variable motd_text of web1 has changed',
      'the secret db has changed',
      'the host web2 in the inventory is gone',
      'networks in the inventory is new',
      "fmc's own code (version) is new",
    ],
  )
  t.end()
})

void t.test(
  'the encrypted part opens for its recipients only, and no digest without it',
  async t => {
    const [mine, other] = await Promise.all([newKey(), newKey()])
    const box = { digestKey: newDigestKey(), extraVars: ['pw=hunter2'], diffs: { '0': ['+x'] } }
    const sealed = await sealBox(box, [mine.recipient])
    t.strictSame(await openBox(sealed, [other.identity, mine.identity], 'p'), box)
    t.equal(await openBox(sealed, [other.identity], 'p'), undefined)
    t.notMatch(sealed, /hunter2/)
    const cut = sealed.replace(/.{20}\n-----END/, '\n-----END')
    await t.rejects(openBox(cut, [mine.identity], 'p'), /the encrypted part of p is damaged/)
    const [one, two] = [digestWith(box), digestWith({ digestKey: newDigestKey() })]
    t.equal(one('yes'), one('yes'))
    t.not(one('yes'), one('no'))
    t.not(one('yes'), two('yes'), 'a small secret cannot be guessed without the key')
  },
)

void t.test('the file: one step, 0600, no links, nothing that is not a plan', t => {
  const dir = t.testdir({ 'notes.txt': 'mine', empty: '', other: { 'x.fmc': FILE } })
  const at = (name: string) => join(dir, name)
  writeWhole(at('p.fmc'), FILE)
  t.equal(lstatSync(at('p.fmc')).mode & 0o777, 0o600)
  chmodSync(at('p.fmc'), 0o644)
  writeWhole(at('p.fmc'), FILE)
  t.equal(lstatSync(at('p.fmc')).mode & 0o777, 0o600)
  t.equal(readPlanFile(at('p.fmc')), FILE)
  symlinkSync(at('other/x.fmc'), at('link'))
  symlinkSync(at('nowhere'), at('dangling'))
  mkdirSync(at('dir'))
  execFileSync('mkfifo', [at('fifo')])
  for (const name of ['notes.txt', 'empty', 'link', 'dangling', 'dir', 'fifo', 'no/p.fmc'])
    t.throws(() => writeWhole(at(name), 'x'), { name: 'UsageError' }, name)
  for (const name of ['link', 'dangling', 'dir', 'fifo', 'missing'])
    t.throws(() => readPlanFile(at(name)), { name: 'UsageError' }, name)
  writeFileSync(at('latin1'), Buffer.from([0xff, 0xfe]))
  t.throws(() => readPlanFile(at('latin1')), /is not a saved plan/)
  t.equal(readFileSync(at('notes.txt'), 'utf8'), 'mine')
  t.strictSame(
    readdirSync(dir).filter(name => name.endsWith('.tmp')),
    [],
  )
  t.end()
})

void t.test('of two who approve at the same time, both have approved', t => {
  const file = join(t.testdir({ 'p.fmc': FILE }), 'p.fmc')
  chmodSync(file, 0o640)
  const { ino } = lstatSync(file)
  const plan = parsePlan(FILE, 'p')
  const [one, two] = [approvalLine(plan, 'boss', boss), approvalLine(plan, 'mate', alice)]
  t.equal(appendToPlan(file, FILE, one), FILE + one)
  t.equal(appendToPlan(file, FILE, two), FILE + one + two, 'who has read the file before')
  t.match(parsePlan(readFileSync(file, 'utf8'), 'p').approvals, [
    { name: 'boss' },
    { name: 'mate' },
  ])
  t.match(lstatSync(file), { ino, mode: 0o100640 }, 'it stays the same file')

  const another = writePlan({ ...BODY, id: 'f'.repeat(32) }, alice)
  writeFileSync(file, another)
  t.throws(() => appendToPlan(file, FILE, one), /was exchanged while you approved it/)
  t.equal(readFileSync(file, 'utf8'), another)
  const link = join(t.testdirName, 'link')
  symlinkSync(file, link)
  for (const wrong of [link, join(t.testdirName, 'missing'), t.testdirName])
    t.throws(() => appendToPlan(wrong, another, one), { name: 'UsageError' }, wrong)
  t.equal(readFileSync(file, 'utf8'), another)
  t.end()
})

void t.test('what people see has no control characters, and HTML no markup of the plan', t => {
  const hostile = '\u001b[31m<script>alert(1)</script>\u202e'
  const [task] = BODY.tasks
  const plan = parsePlan(
    writePlan({ ...BODY, tasks: task ? [{ ...task, task: hostile, note: hostile }] : [] }, alice),
    'p',
  )
  const view = viewOf(plan, {
    signedBy: `alice (${fingerprint(alice.publicKey)})`,
    known: true,
    diffs: { '0': [`--- /x\n+++ /x\n-old\n+${hostile}\n`] },
  })
  const text = viewText(view)
  t.match(text, /^plan {8}fmc play site --limit a,b -e n=…\n/)
  t.match(text, 'signed by   alice (SHA256:')
  t.match(text, 'needs       the approval of boss')
  t.match(text, 'changes     1 task on 1 of 2 hosts')
  t.match(text, /\nP \| a \| r \| \^\[\[31m.* \| content; /)
  t.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/)
  t.match(viewLines(view), [
    { type: 'plan', tasks: 1 },
    { type: 'task', host: 'a' },
  ])
  const html = viewHtml(view)
  t.notMatch(html, /<script|\u001b|\u202e/)
  t.match(html, '<span class="add">+^[[31m&lt;script&gt;')
  t.match(html, '<span>+++ /x</span>', 'the head of a diff is no added line')
  const unknown = viewOf(plan, { signedBy: 'an unknown key', known: false, diffs: undefined })
  t.match(viewText(unknown), /this project does not know it[^]*diffs {7}encrypted/)
  t.end()
})
