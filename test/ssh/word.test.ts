import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lockScript } from '../../lib/engine/host/lock.ts'
import { ask, batch } from '../../lib/facts/index.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { quote } from '../../lib/shell/quote.ts'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { passwd, startSshd } from './rig.ts'

const PASSWORD = 'gibtkeiner ein'
const UUID = '00000000-1111-4222-8333-444444444444'

/**
 * Runs as nobody and reads what ps shows: every word that could be random is tried as a mark of the session, of the
 * lock and of the facts, with every code it would like to see, on both streams.
 */
const ADVERSARY = `#!/usr/bin/env node
const fs = require('fs')
const seen = []
for (const p of fs.readdirSync('/proc').filter(p => /^\\d+$/.test(p)))
  for (const f of ['cmdline', 'environ'])
    try { seen.push(fs.readFileSync('/proc/' + p + '/' + f, 'latin1')) } catch {}
const text = seen.join('\\n').replaceAll('\\\\036', ' ')
const hex = text.match(/[0-9a-f][0-9a-f-]{10,}/g) ?? []
const names = new Set(['lock', ...(text.match(/\\b[rs][0-9a-f]{8}\\b/g) ?? []), '0', '1', '2', '3'])
let out = '', err = ''
for (const h of new Set(hex)) {
  for (const n of names) {
    out += 'mine\\x1e' + h + ':' + n + ':000;\\x1e' + h + ':' + n + ':0;\\x1e' + h + ':' + n + ':0\\x1d'
    err += '\\x1e' + h + ':' + n + ';\\x1e' + h + ':' + n + ':'
  }
  out += 'mine\\x1e' + h + ':0;\\x1e' + h + ':0\\x1d'
  err += '\\x1e' + h + ':'
}
process.stdout.write(out)
process.stderr.write(err)
process.exitCode = 7
`

/** Everything that a local user can read of all processes, but the environment of other users' ones. */
const shownByPs = (): string =>
  readdirSync('/proc')
    .filter(p => /^\d+$/.test(p))
    .map(p => {
      try {
        return readFileSync(`/proc/${p}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
    .join('\n')

/** A login shell that prints `noise`, traces what it does, and lets bash trace behind it as far as it can. */
const noisyShell = (noise: string): string => `#!/bin/bash
printf '${noise}'
printf '${noise}' >&2
set -xv
export SHELLOPTS
[ "$1" = -c ] || exit 1
eval "$2"
`

/** What was in front of a session's answers before: greetings and prompts of no session of ours. */
const IMITATIONS =
  `\\036${UUID}:0:1:1;\\036${UUID}:0;\\036fmc:0:${UUID}:1:1;\\0360123456789abcdef:0:${UUID}:1:1;` +
  `\\036fmc:p:${UUID};${UUID}\\0360123456789abcdef:p:${UUID};${UUID}[fmc 0123456789abcdef01234567] `

void t.test('marks cannot be forged from what ps shows', async t => {
  const dir = t.testdir()
  execFileSync('chmod', ['a+rx', dir])
  const etc = join(dir, 'etc')
  mkdirSync(etc)
  const file = (name: string, text: string, mode = 0o644): string => {
    writeFileSync(join(etc, name), text, { mode })
    return join(etc, name)
  }
  const adversary = file('adversary.cjs', ADVERSARY, 0o755)
  const noisy = file('noisy-shell', noisyShell(IMITATIONS), 0o755)
  const endless = file('endless-shell', '#!/bin/sh\nexec yes\n', 0o755)
  const users: [name: string, uid: number, shell: string][] = [
    ['noisyroot', 0, noisy],
    ['endless', 0, endless],
    ['asks', 4000, '/bin/sh'],
    ['free', 4001, '/bin/sh'],
    ['noisyasks', 4002, noisy],
    ['noisyfree', 4003, noisy],
  ]
  file('passwd', passwd() + users.map(([u, id, sh]) => `${u}:x:${id}:0::/tmp:${sh}\n`).join(''))
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], {
    input: PASSWORD,
    encoding: 'utf8',
  }).trim()
  file(
    'shadow',
    readFileSync('/etc/shadow', 'utf8') +
      users.map(([u]) => `${u}:${hash}:19000:0:99999:7:::\n`).join(''),
    0o600,
  )
  file(
    'sudoers',
    `Defaults !syslog\n${users.map(([u]) => `${u} ALL=(ALL) ${u.endsWith('asks') ? '' : 'NOPASSWD: '}ALL\n`).join('')}`,
    0o440,
  )
  const sshd = await startSshd(dir, {
    prepare: ['passwd', 'shadow', 'sudoers']
      .map(f => `mount --bind ${join(etc, f)} /etc/${f}`)
      .join('\n'),
  })
  t.teardown(() => sshd.stop())
  const asNobody = `setpriv --reuid 65534 --regid 65534 --clear-groups ${quote(adversary)}`

  for (const transport of ['ssh2', 'openssh'] as const)
    for (const user of ['root', 'noisyroot', 'asks', 'free', 'noisyasks', 'noisyfree'])
      await t.test(`${user} over ${transport}`, async t => {
        let asked = 0
        const open = async (boot?: string) => {
          const opened = await openWith(
            LIMITS,
            sshd.target({
              transport,
              user,
              sudo: !user.endsWith('root'),
              sudoPassword: () => (asked++, Promise.resolve(new Secret(PASSWORD))),
            }),
            boot,
          )
          t.teardown(() => opened.session.close())
          return opened
        }

        const { session, first } = await open(`${asNobody}; ( exit 7 )`)
        t.equal((await first)?.code, 7, 'the exit code of a boot script')
        t.equal(session.trips, 1)
        t.equal(asked, user.endsWith('asks') ? 1 : 0, 'the password goes only to sudo')
        t.equal((await session.run(`${asNobody}; ( exit 7 )`)).code, 7, 'of a later one')
        t.equal((await session.run('echo on')).stdout, 'on\n', 'the session is in step')

        const questions = batch([
          ask('command', asNobody),
          ask('command', 'sleep 0.2; set; env; exit 3'),
          ask('path', '/etc'),
        ])
        const lock = lockScript('none', 'me')
        const script = `${lock.script}\n${questions.script}`
        const answered = async (
          output: Promise<{ code: number; stdout: string; stderr: string }>,
          word: string,
        ): Promise<void> => {
          const told = await output
          const { error, rest } = lock.read(told.stdout, word)
          t.equal(error, undefined)
          const facts = questions.parse({ ...told, stdout: rest }, word)
          const forged = facts.get(`command:${asNobody}`) as { code: number }
          t.equal(forged.code, 7, 'a fact')
          t.match(facts.get('command:sleep 0.2; set; env; exit 3'), { code: 3 })
          t.match(facts.get('path:/etc'), { type: 'directory' })
          t.notMatch(
            facts.get('command:sleep 0.2; set; env; exit 3'),
            { stdout: word },
            "an author's command does not find the word",
          )
        }
        const second = await open(script)
        if (!second.first) throw new Error('no answer')
        await answered(second.first, second.session.word)
        await answered(second.session.run(script, { marked: true }), second.session.word)

        const plain = await second.session.run('set; env')
        t.notOk(plain.stdout.includes(second.session.word), 'nor does any script that spells none')
        const slow = second.session.run('sleep 0.5')
        const seen = shownByPs()
        t.ok(seen.includes('sshd'))
        for (const { word } of [session, second.session]) {
          t.match(word, /^[0-9a-f-]{36}$/)
          t.notOk(seen.includes(word), 'ps does not show it')
        }
        await slow
      })

  await t.test('a login that prints endlessly soon fails', async t => {
    const began = performance.now()
    for (const transport of ['ssh2', 'openssh'] as const)
      await t.rejects(openWith(LIMITS, sshd.target({ transport, user: 'endless' })), {
        name: 'UnreachableError',
        message: /printed more than 1 MB and did not greet/,
      })
    t.ok(performance.now() - began < LIMITS.enterMs / 2)
  })
})
