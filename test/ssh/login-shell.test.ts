// Login shells, rc files and environments that real hosts have: every way in which fmc starts a shell works alike.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { UnreachableError } from '../../lib/errors.ts'
import { openTerminal, openWith, runStreamed } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { quote } from '../../lib/shell/quote.ts'
import { forAnyShell } from '../../lib/ssh/login-shell.ts'
import { passwd, startSshd, type Sshd } from './rig.ts'

const PASSWORD = 'gibtkeiner ein'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin'

/** What a login shell reads whenever sshd starts it. dash and rc read nothing. */
const RC_FILES: Readonly<Record<string, string>> = {
  tcsh: '.tcshrc',
  zsh: '.zshenv',
  fish: '.config/fish/config.fish',
  bash: '.bashrc',
}
const SHELLS = ['bash', 'dash', 'tcsh', 'fish', 'zsh', 'rc']

/** Lines for rc files, in the language of each shell. */
const EXPORTS = [
  'http_proxy http://127.0.0.1:9',
  'PGHOST elsewhere',
  'KUBECONFIG /tmp/other',
  'TZ Asia/Tokyo',
]
const exporting = (shell: string): string =>
  EXPORTS.map(line => {
    const [name = '', value = ''] = line.split(' ')
    if (shell === 'tcsh') return `setenv ${name} ${value}\n`
    return shell === 'fish' ? `set -gx ${name} ${value}\n` : `export ${name}=${value}\n`
  }).join('')
const LIMITING: Readonly<Record<string, string>> = {
  tcsh: 'limit descriptors 64\nlimit filesize 1k\nlimit coredumpsize unlimited\numask 077\n',
  fish: 'ulimit -S -n 64\nulimit -S -f 1\numask 077\n',
}
const limiting = (shell: string): string =>
  LIMITING[shell] ?? 'ulimit -S -n 64\nulimit -S -f 1\numask 077\n'
const TRACING: Readonly<Record<string, string>> = {
  tcsh: 'set verbose\nset echo\n',
  fish: 'set -gx fish_trace 1\n',
}
const tracing = (shell: string): string =>
  TRACING[shell] ?? `set -v\nset -x\n${shell === 'bash' ? 'export SHELLOPTS\n' : ''}`
/** 300 KB on each stream. */
const NOISE = `#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\nhead -c 300000 /dev/zero | tr '\\0' x >&2\n`

const KINDS: Readonly<Record<string, (shell: string, noise: string) => string>> = {
  plain: () => '',
  odd: (shell, noise) => `${noise}\n` + exporting(shell) + limiting(shell),
  traced: tracing,
  // Standard error ends in standard output for ever: nobody can tell the two apart again.
  merged: () => 'exec 2>&1\n',
}

/** sshd's own contribution: variables that redirect tools, and files that shells read because of one. */
const SET_ENV = (dir: string): string =>
  `SetEnv https_proxy=http://127.0.0.1:9 PGUSER=x PGSERVICE=other TZ=Asia/Tokyo POSIXLY_CORRECT=1 CDPATH=/tmp IFS=0 ` +
  `BASH_ENV=${dir}/env ENV=${dir}/env LC_ALL=tr_TR.UTF-8 LANGUAGE=de GREP_OPTIONS=-v GIT_DIR=/x HELM_KUBECONTEXT=x _fmc_t=mine _fmc=x`

interface Login {
  readonly user: string
  readonly shell: string
  readonly kind: string
  readonly sudo: 'no' | 'asks' | 'free'
}
const LOGINS: readonly Login[] = SHELLS.flatMap(shell =>
  Object.keys(KINDS).flatMap(kind =>
    (['no', 'asks', 'free'] as const).map(sudo => ({
      user: `${shell}${kind}${sudo}`,
      shell,
      kind,
      sudo,
    })),
  ),
)
/** Every shell over both transports; every rc file where it could matter. */
const TRIED: readonly (readonly ['ssh2' | 'openssh', Login])[] = LOGINS.filter(
  ({ shell, kind }) => kind === 'plain' || shell in RC_FILES,
).flatMap(login => {
  const { shell, kind, sudo } = login
  const overSsh2 = { plain: ['asks'], odd: ['no', 'asks'], traced: ['asks', 'free'] }[kind]
  const overOpenssh =
    kind === 'plain' || shell === 'tcsh' ? { plain: ['no'], traced: ['free'] }[kind] : []
  return [
    ...(overSsh2?.includes(sudo) ? [['ssh2', login] as const] : []),
    ...(overOpenssh?.includes(sudo) ? [['openssh', login] as const] : []),
  ]
})

/** An sshd with all these users, which exist in its own mount namespace only. */
const start = async (t: Test, setEnv = true): Promise<Sshd> => {
  const dir = t.testdir()
  const etc = join(dir, 'etc')
  mkdirSync(etc)
  const file = (name: string, text: string, mode = 0o644): string => {
    const path = join(etc, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text, { mode })
    return path
  }
  file('env', 'export PGPORT=1\nhttp_proxy=x; export http_proxy\nset -v\n')
  const noise = file('noise', NOISE, 0o755)
  for (const shell of Object.keys(RC_FILES))
    for (const [kind, text] of Object.entries(KINDS))
      file(`home/${shell}-${kind}/${RC_FILES[shell] ?? ''}`, text(shell, noise))
  const users = LOGINS.map(({ user, shell, kind, sudo }, i) => {
    mkdirSync(`${etc}/home/${shell}-${kind}`, { recursive: true })
    const path = execFileSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' }).trim()
    return `${user}:x:${sudo === 'no' ? 0 : 5000 + i}:0::${etc}/home/${shell}-${kind}:${path}\n`
  })
  file('passwd', passwd() + users.join(''))
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], {
    input: PASSWORD,
    encoding: 'utf8',
  })
  file(
    'shadow',
    readFileSync('/etc/shadow', 'utf8') +
      LOGINS.map(({ user }) => `${user}:${hash.trim()}:19000:0:99999:7:::\n`).join(''),
    0o600,
  )
  file(
    'sudoers',
    'Defaults !syslog\nDefaults env_keep += "http_proxy PGUSER BASH_ENV TZ"\n' +
      LOGINS.map(
        ({ user, sudo }) => `${user} ALL=(ALL) ${sudo === 'free' ? 'NOPASSWD: ' : ''}ALL\n`,
      ).join(''),
    0o440,
  )
  execFileSync('chmod', ['-R', 'a+rX', '--', dir])
  const prepare = ['passwd', 'shadow', 'sudoers'].map(f => `mount --bind ${etc}/${f} /etc/${f}`)
  const config = setEnv ? SET_ENV(etc) : ''
  const sshd = await startSshd(dir, { config, prepare: prepare.join('\n') })
  t.teardown(() => sshd.stop())
  return sshd
}

const EVERYTHING = `${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')}\n\t\r€\u0081\u0088 !! !x \\! \\\\ '`

const OWN = /^(HOME|LC_ALL|LOGNAME|OLDPWD|PATH|PWD|SHLVL|SSH_CONNECTION|USER|_)$/

/** What a login finds without fmc. */
const asSsh = (sshd: Sshd, user: string): string =>
  execFileSync(
    'ssh',
    [
      ...['-F', 'none', '-i', sshd.key, '-p', String(sshd.port), '-l', user],
      ...['-o', `UserKnownHostsFile=${sshd.knownHosts}`, '127.0.0.1'],
      "/usr/bin/printenv PGUSER http_proxy; sh -c umask; sh -c 'ulimit -n'",
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  ).slice(-40)

void t.test('every login shell, whatever its rc files and sshd set', async t => {
  const sshd = await start(t)
  for (const shell of Object.keys(RC_FILES))
    t.match(asSsh(sshd, `${shell}oddno`), /x\nhttp:\/\/127.*\n0077\n64\n$/, `${shell} is odd`)
  let asked = 0
  for (const [transport, { user, shell, kind, sudo }] of TRIED)
    await t.test(`${user} over ${transport}`, async t => {
      asked = 0
      const target = sshd.target({
        transport,
        user,
        sudo: sudo !== 'no',
        sudoPassword: () => (asked++, Promise.resolve(new Secret(PASSWORD))),
      })
      // The second run of a command: its questions travel with the connection.
      const boot = `env | sed 's/=.*//'; printf %s ${quote(EVERYTHING)}`
      const { session, first } = await openWith(LIMITS, target, boot)
      t.teardown(() => session.close())
      const found = (await first)?.stdout ?? ''
      t.ok(found.endsWith(`\n${EVERYTHING}`), 'every character of a script arrives')
      const names = found.slice(0, -EVERYTHING.length).trim().split('\n')
      t.same(
        names.filter(name => !OWN.test(name)),
        [],
        'the environment is fmc’s own',
      )
      t.equal(session.trips, 1)
      t.equal(asked, sudo === 'asks' ? 1 : 0, 'the password goes only to sudo')
      const { stdout, stderr } = await session.run(
        'echo "$HOME|$USER|$LOGNAME|$PATH|$LC_ALL|$(umask)|$PWD"; ulimit -n; ulimit -f; ulimit -t; ulimit -c; date +%Z',
      )
      const who =
        sudo === 'no' ? `${sshd.dir}/etc/home/${shell}-${kind}|${user}|${user}` : '/root|root|root'
      t.equal(stdout.split('\n')[0], `${who}|${PATH}|C|0022|/`)
      t.match(stdout, /\n1024\nunlimited\nunlimited\n0\n/)
      t.notMatch(stdout, 'JST', 'TZ is not inherited')
      t.equal(stderr, '', 'nothing is traced')
      if (kind !== 'plain') return

      const remote = join(sshd.dir, `up-${user}-${transport}`)
      await session.upload('/etc/os-release', remote)
      t.same(readFileSync(`${remote}.fmc-new/new`), readFileSync('/etc/os-release'))
      await t.rejects(session.run('sleep 60; sleep 60', { timeoutMs: 200 }), {
        message: /took longer/,
      })
      t.equal(
        (await session.run('echo on')).stdout,
        'on\n',
        'a signal reaches the script, not the session',
      )
      const said: Buffer[] = []
      const end = await runStreamed(target, `cat; printf %s "\${PGUSER-none}"; exit 3`, {
        input: (async function* () {
          yield await Promise.resolve(Buffer.from(EVERYTHING))
        })(),
        onOutput: (_, bytes) => void said.push(Buffer.from(bytes)),
      })
      t.equal(end.code, 3)
      t.equal(Buffer.concat(said).toString(), `${EVERYTHING}none`)
    })
})

void t.test('an rc file that sends standard error to standard output is named at once', async t => {
  const sshd = await start(t, false)
  for (const shell of ['bash', 'zsh'])
    for (const sudo of ['no', 'asks', 'free']) {
      const target = sshd.target({ user: `${shell}merged${sudo}`, sudo: sudo !== 'no' })
      await t.rejects(openWith({ ...LIMITS, enterMs: 20_000 }, target), {
        name: 'UnreachableError',
        message: /: no shell for .*: what it writes to standard error arrives on standard output/,
        hint: /exec 2>&1/,
      })
    }
})

void t.test(
  'a program that is no shell: the error has what it says, and not our script',
  async t => {
    const dir = t.testdir()
    const says: Readonly<Record<string, RegExp>> = {
      '/usr/sbin/nologin': /it ended with exit 1: This account is currently not available\.$/,
      '/usr/bin/perl': /it ended with exit 2: Can't open perl script "exec \/bin\/sh .* …/,
      '/usr/bin/cat': /it ended with exit 1: .*cat: invalid option/,
    }
    const users = Object.keys(says).map((path, i) => `no${i}:x:0:0::/:${path}\n`)
    writeFileSync(join(dir, 'users'), passwd() + users.join(''), { mode: 0o644 })
    const sshd = await startSshd(dir, { prepare: `mount --bind ${dir}/users /etc/passwd` })
    t.teardown(() => sshd.stop())
    for (const [i, message] of Object.values(says).entries()) {
      const error = (await openWith(LIMITS, sshd.target({ user: `no${i}` })).catch(
        (e: unknown) => e,
      )) as UnreachableError
      t.equal(error.name, 'UnreachableError')
      t.match(error.message, message)
      t.notMatch(error.message, /[A-Za-z0-9+/]{80}/)
      t.match(error.hint, /try it: fmc shell node1 -- true$/)
    }
  },
)

void t.test('a boot script as long as one request can be, in every shell', async t => {
  const sshd = await start(t, false)
  for (const { user } of LOGINS.filter(({ kind, sudo }) => kind === 'plain' && sudo === 'no'))
    for (const size of [90_000, 200_000]) {
      const text = 'it!s'.repeat(size / 4)
      const opened = await openWith(
        LIMITS,
        sshd.target({ user }),
        `printf %s ${quote(text)} | cksum`,
      )
      t.equal((await opened.first)?.code, 0, `${user}: ${size} bytes`)
      t.match((await opened.first)?.stdout, new RegExp(` ${size}\\n$`))
      opened.session.close()
    }
})

void t.test('the words of a command for a person arrive as they are', async t => {
  const sshd = await start(t, false)
  for (const shell of SHELLS) {
    const out = join(sshd.dir, `said-${shell}`)
    const target = sshd.target({ user: `${shell}plainno` })
    const words = ['sh', '-c', 'printf %s "$1" >"$2"; exit 5', 'sh', EVERYTHING, out]
    t.equal(await openTerminal(target, { terminal: false, command: words }), 5, shell)
    t.equal(readFileSync(out, 'utf8'), EVERYTHING)
    const plain = { terminal: false, command: ['touch', `${out}-plain`] }
    t.equal(await openTerminal(target, plain), 0)
    t.ok(existsSync(`${out}-plain`))
  }
})

void t.test('the request has nothing that a shell could take in another way', t => {
  for (const script of ['', 'a', 'ab', 'abc', EVERYTHING, "'".repeat(5000)]) {
    const command = forAnyShell(script)
    const [, quoted = '', words = ''] =
      /^exec \/bin\/sh -c '([^']*)' \/bin\/sh ([^']*)$/.exec(command) ?? []
    t.notMatch(quoted, /['!\n]|\\\\/)
    t.match(quoted, /printf/)
    t.match(words, /^[A-Za-z0-9+/ ]*$/)
    t.ok(words.split(' ').every(word => word.length <= 500))
    t.equal(
      Buffer.from(words.replaceAll(' ', ''), 'base64').toString().replace(/\n+$/, ''),
      script.replace(/\n+$/, ''),
    )
  }
  t.end()
})
