import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { StreamBuffer } from '../../lib/ssh/stream-search.ts'
import { openWith } from '../../lib/ssh/index.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { SudoPrompt } from '../../lib/ssh/sudo.ts'
import type { Target } from '../../lib/ssh/types.ts'
import { passwd, startSshd } from './rig.ts'

const PASSWORD = 'pass \'word" $x ü'
const hash = (password: string): string =>
  execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim()

// Users exist only in sshd's own mount namespace.
const USERS = {
  asks: 'ALL=(ALL) ALL',
  pty: 'ALL=(ALL) ALL',
  free: 'ALL=(ALL) NOPASSWD: ALL',
  once: 'ALL=(ALL) ALL',
  tty: 'ALL=(ALL) NOPASSWD: ALL',
  nobody2: undefined,
  // Their login runs a sudo that prints what it is told, and in front of much else.
  echo: 'ALL=(ALL) ALL',
  echolong: 'ALL=(ALL) ALL',
}

void t.test('becoming root', async t => {
  const dir = t.testdir()
  const etc = join(dir, 'etc')
  mkdirSync(etc)
  const shadow = hash(PASSWORD)
  const names = Object.keys(USERS)
  const local = join(etc, 'local')
  mkdirSync(local)
  writeFileSync(
    join(local, 'sudo'),
    `#!/bin/sh
case $(id -un) in echo*) ;; *) exec /usr/bin/sudo "$@" ;; esac
printf %s "$SUDO_PROMPT" >&2
IFS= read -r p
printf 'you said %s' "$p"
printf 'you said %s' "$p" >&2
[ "$(id -un)" = echo ] || printf %1985s x >&2
exit 1
`,
    { mode: 0o755 },
  )
  const file = (name: string, text: string, mode = 0o644): void =>
    writeFileSync(join(etc, name), text, { mode })
  file('passwd', passwd() + names.map((u, i) => `${u}:x:${4000 + i}:4000::/tmp:/bin/sh\n`).join(''))
  file(
    'shadow',
    readFileSync('/etc/shadow', 'utf8') +
      names.map(u => `${u}:${shadow}:19000:0:99999:7:::\n`).join(''),
    0o600,
  )
  file(
    'sudoers',
    'Defaults env_reset\nDefaults:pty use_pty\nDefaults:once passwd_tries=1\nDefaults:tty requiretty\nDefaults !syslog\n' +
      Object.entries(USERS)
        .map(([u, rule]) => (rule === undefined ? '' : `${u} ${rule}\n`))
        .join(''),
    0o440,
  )
  const prepare = ['passwd', 'shadow', 'sudoers']
    .map(f => `mount --bind ${join(etc, f)} /etc/${f}`)
    .concat(`mount --bind ${local} /usr/local/sbin`)
    .join('\n')
  execFileSync('chmod', ['-R', 'a+rX', '--', join(dir)])
  const sshd = await startSshd(dir, { prepare })
  t.teardown(() => sshd.stop())

  for (const transport of ['ssh2', 'openssh'] as const) {
    await t.test(transport, async t => {
      let asked = 0
      const open = (user: string, password: string | undefined = PASSWORD, boot?: string) =>
        openWith(
          LIMITS,
          sshd.target({
            transport,
            user,
            sudo: true,
            sudoPassword:
              password === '' ? undefined : () => (asked++, Promise.resolve(new Secret(password))),
          }),
          boot,
        )

      for (const user of ['asks', 'pty', 'free', 'once']) {
        await t.test(`${user}: root, boot, input, upload, interrupt`, async t => {
          asked = 0
          const { session, first } = await open(user, PASSWORD, 'id -u; echo e >&2')
          t.teardown(() => session.close())
          t.same(await first, { code: 0, stdout: '0\n', stderr: 'e\n' })
          t.equal(asked, user === 'free' ? 0 : 1)
          t.equal(
            (await session.run('printf "%s|%s|%s" "$HOME" "$LC_ALL" "$(umask)"')).stdout,
            '/root|C|0022',
          )
          const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
          t.equal(
            (
              await session.run('od -An -v -tu1 | tr -s " \\n" " "', { input: bytes })
            ).stdout.trim(),
            [...bytes].join(' '),
          )
          const remote = join(dir, `up-${user}-${transport}`)
          await session.upload('/etc/os-release', remote)
          t.match(statSync(`${remote}.fmc-new/new`), { uid: 0, mode: 0o100600 })
          await t.rejects(session.run('sleep 60; sleep 60', { timeoutMs: 200 }), {
            name: 'TaskError',
            message: /took longer/,
          })
          t.equal((await session.run('echo on')).stdout, 'on\n', 'the session lives on')
          const argv = (
            await session.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '")
          ).stdout
          t.match(argv, 'sshd')
          t.notOk(argv.includes(PASSWORD))
        })
      }

      await t.test('no error contains the password, even if the host echoes it', async t => {
        for (const user of ['echo', 'echolong']) {
          const error: unknown = await open(user).then(
            () => 'it opened',
            (e: unknown) => e,
          )
          t.match(error, { name: 'UnreachableError', message: /no shell for echo.*‹secret›/s })
          const { message, hint } = error as Error & { hint?: string }
          for (let at = 0; at + 5 <= PASSWORD.length; at++)
            t.notOk(`${message} ${hint ?? ''}`.includes(PASSWORD.slice(at, at + 5)), 'nor a part')
        }
      })

      await t.test('errors of sudo', async t => {
        const rows: [user: string, password: string, message: RegExp][] = [
          ['asks', 'wrong', /sudo for asks: the password was not accepted/],
          ['once', 'wrong', /sudo for once: the password was not accepted/],
          ['pty', 'wrong', /the password was not accepted/],
          ['asks', '', /asks for a password, but none was given/],
          ['tty', PASSWORD, /requires a terminal/],
          ['nobody2', PASSWORD, /may not run a shell as root/],
        ]
        for (const [user, password, message] of rows) {
          const error: unknown = await open(user, password).then(
            () => 'it opened',
            (e: unknown) => e,
          )
          t.match(error, { name: 'UnreachableError', message }, `${user} with ${password}`)
          t.notMatch(JSON.stringify(error) + String(error), PASSWORD)
        }
      })
    })
  }
})

void t.test('only the announced prompt counts, and only after its announcement', t => {
  const target: Target = {
    name: 'n',
    address: 'h',
    port: 22,
    user: 'u',
    sudo: true,
    sudoPassword: () => Promise.resolve(new Secret(PASSWORD)),
  }
  const uuid = '01234567-89ab-4cde-8f01-23456789abcd'
  const announcement = `\x1etag:p:${uuid};`
  const rows: [what: string, text: string, asked: boolean, hint: boolean][] = [
    ['nothing', '', false, false],
    ['before it', `${uuid}${announcement}`, false, false],
    ['another tag', `\x1eother:p:${uuid};${uuid}`, false, false],
    ['spelled, as a trace does', `+ printf '\\036tag:p:%s;' ${uuid}\n${uuid}`, false, false],
    ['no UUID', `\x1etag:p:x;x`, false, false],
    ['another prompt', `${announcement}LDAP Password:`, false, true],
    ['the prompt', `noise${announcement}lecture\n${uuid}`, true, false],
    ['after a malformed one', `\x1etag:p:x;\x1etag:p:${announcement}${uuid}`, true, false],
  ]
  for (const [what, text, asked, hint] of rows)
    for (const size of [1, 7, 1000]) {
      const buffer = new StreamBuffer()
      const prompt = new SudoPrompt(target, 'tag', buffer)
      let answers = 0
      const bytes = Buffer.from(text, 'latin1')
      for (let at = 0; at < bytes.length; at += size) {
        buffer.push(bytes.subarray(at, at + size))
        if (prompt.answer()) answers++
      }
      t.equal(answers, asked ? 1 : 0, `${what}, ${size} at a time`)
      t.equal(prompt.hint(prompt.said()) !== undefined, hint, `${what}: hint`)
    }
  t.end()
})
