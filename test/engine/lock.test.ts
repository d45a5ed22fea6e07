import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PATIENCE_SECONDS } from '../../lib/engine/host/lock-script.ts'
import { LockedError, lockScript, type LockKind } from '../../lib/engine/host/lock.ts'
import { quote } from '../../lib/shell/quote.ts'
import { RELEASE } from '../../lib/ssh/kept.ts'

const LOCK = '/run/fmc.lock'
/** What older versions of fmc ran on a host; they left the file readable for all users. */
const BEFORE = `command exec 9<>${LOCK} && flock -n 9 && printf '%s (shell pid %d)\\n' before $$ >${LOCK}`

/** A private /run, shared by all processes of the test. */
class Place {
  readonly #keeper: ChildProcess
  readonly #all: ChildProcess[] = []
  constructor(t: Test) {
    this.#keeper = spawn(
      'unshare',
      [
        '-m',
        '--propagation',
        'private',
        'sh',
        '-ec',
        'mount -t tmpfs -o mode=755 run /run; exec cat',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    t.teardown(() => {
      for (const child of this.#all) child.kill('SIGKILL')
      this.#keeper.kill('SIGKILL')
    })
  }

  async ready(): Promise<this> {
    for (;;) {
      if (this.sh('! mountpoint -q /run || ! [ -z "$(ls /run)" ] || echo empty') === 'empty')
        return this
      await sleep(20)
    }
  }

  #enter(...argv: string[]): [string, string[]] {
    return ['nsenter', [`--mount=/proc/${this.#keeper.pid}/ns/mnt`, '--', ...argv]]
  }

  sh(script: string): string {
    const [command, args] = this.#enter('sh', '-c', script)
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    return stdout.trim() || stderr.trim()
  }

  /** A process that runs until it is ended. Resolves when it has printed a line. */
  async hold(...argv: string[]): Promise<ChildProcess> {
    const [command, args] = this.#enter(...argv)
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#all.push(child)
    await new Promise(resolve => child.stdout.once('data', resolve))
    return child
  }

  /** An unprivileged user who holds the file. */
  unprivileged(mode: '-s' | '-x'): Promise<ChildProcess> {
    return this.hold(
      ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
      ...['flock', mode, LOCK, 'sh', '-c', 'echo held; exec cat'],
    )
  }

  /**
   * A run's session: a shell that gets the script on its stdin and lives on until it is ended. It waits for a lock for
   * `seconds`; undefined: as long as a run does.
   */
  session(
    shell: string,
    kind: LockKind,
    who = 'me',
    seconds: number | undefined = 0,
  ): Promise<Run> {
    const { script, read } = lockScript(kind, who, seconds)
    const [command, args] = this.#enter(...shell.split(' '))
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#all.push(child)
    child.stdin.write(`_fmc_t=word; {\n${script}\n} </dev/null; echo; echo over\n`)
    let said = ''
    return new Promise(resolve => {
      const done = (): void => resolve({ child, error: read(said, 'word').error })
      child.stdout.on('data', (d: Buffer) => {
        said += d.toString()
        if (said.endsWith('\nover\n')) done()
      })
      child.once('close', done)
    })
  }
}

interface Run {
  readonly child: ChildProcess
  readonly error: Error | undefined
}

const end = (child: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })

const place = (t: Test): Promise<Place> => new Place(t).ready()
const shells = ['dash', 'bash --posix', 'busybox sh'].filter(
  s => spawnSync('sh', ['-c', `command -v ${s.split(' ')[0]}`]).status === 0,
)
const KINDS = ['exclusive', 'shared'] as const

for (const shell of shells)
  void t.test(`the lock, taken by ${shell}`, { timeout: 300_000 }, async t => {
    await t.test(
      'only root can open the file; a file that others can open is replaced',
      async t => {
        const at = await place(t)
        const state = (): string =>
          at.sh(`stat -c '%F %a %u' ${LOCK}`).replace(/^regular( empty)?/, 'regular')
        for (const before of [
          ':',
          `: >${LOCK}; chmod 644 ${LOCK}`,
          `: >${LOCK}; chmod 666 ${LOCK}`,
          `: >${LOCK}; chmod 600 ${LOCK}; chown 65534 ${LOCK}`,
          `: >/run/other; ln -s other ${LOCK}`,
          `ln -s nowhere ${LOCK}`,
          `mkfifo ${LOCK}`,
          `mkdir ${LOCK}`,
          `mknod ${LOCK} c 1 3`,
          `: >${LOCK}.new; chmod 644 ${LOCK}.new`,
          `mkfifo ${LOCK}.new`,
          `ln -s nowhere ${LOCK}.new`,
          `mkdir ${LOCK}.new`,
        ])
          for (const kind of KINDS) {
            at.sh(`cd /run && rm -rf fmc.lock* other nowhere; ${before}`)
            const { child, error } = await at.session(shell, kind)
            t.equal(error, undefined, `${kind}: ${before}`)
            t.equal(state(), 'regular file 600 0', `${kind}: ${before}`)
            t.equal(at.sh('ls /run').replace(/\s*other/, ''), 'fmc.lock', 'and nothing besides it')
            const second = await at.session(shell, 'exclusive')
            t.match(
              second.error,
              { name: 'LockedError', message: /: me \(shell pid \d+\)$/ },
              before,
            )
            await Promise.all([end(child), end(second.child)])
          }
        at.sh(`rm -rf /run/fmc.lock*; mkdir -p ${LOCK}/full`)
        const { error } = await at.session(shell, 'exclusive')
        t.match(error, { name: 'TaskError', message: /cannot write/ })
      },
    )

    await t.test('a local user who locks the file does not block a run', async t => {
      for (const mode of ['-s', '-x'] as const)
        for (const kind of KINDS)
          for (const chmod of [':', `chmod 600 ${LOCK}`]) {
            const at = await place(t)
            at.sh(`echo 'gone (shell pid 1)' >${LOCK}; chmod 644 ${LOCK}`)
            await at.unprivileged(mode)
            at.sh(chmod)
            const first = await at.session(shell, kind)
            t.equal(
              first.error,
              undefined,
              `an unprivileged user holds it ${mode}, ${kind}, ${chmod}`,
            )
            t.equal(at.sh(`stat -c '%a %u' ${LOCK}`), '600 0')
            const second = await at.session(shell, 'exclusive')
            t.match(second.error, {
              name: 'LockedError',
              message: /holds the lock of this host: me/,
            })
            t.match(
              at.sh(`setpriv --reuid 65534 --clear-groups flock -s ${LOCK} true`),
              /Permission denied/,
              'nor can anybody open it any more',
            )
          }
    })

    await t.test('a program that any user may start as root does not block a run', async t => {
      const at = await place(t)
      at.sh(`: >${LOCK}; chmod 644 ${LOCK}; cp "$(command -v cat)" /run/suid; chmod 4755 /run/suid`)
      const script = `exec 5<${LOCK}; flock -x 5; echo held; exec /run/suid`
      await at.hold('setpriv', '--reuid', '65534', '--clear-groups', 'sh', '-c', script)
      t.equal((await at.session(shell, 'exclusive')).error, undefined)
    })

    await t.test('the message names the holder and no other process', async t => {
      const at = await place(t)
      const first = await at.session(shell, 'exclusive', 'ann@desk pid 7 (role x)')
      const second = await at.session(shell, 'shared', 'bob@desk')
      const pid = at.sh(`sed -n 's/.*shell pid \\([0-9]*\\).*/\\1/p' ${LOCK}`)
      t.match(second.error, {
        name: 'LockedError',
        message: `another fmc run holds the lock of this host: ann@desk pid 7 (role x) (shell pid ${pid})`,
        hint: `end its shell there: kill -HUP ${pid}`,
      })
      at.sh(`kill -HUP ${pid}`)
      if (first.child.exitCode === null && first.child.signalCode === null)
        await new Promise(resolve => first.child.once('exit', resolve))
      t.equal((await at.session(shell, 'exclusive')).error, undefined, 'the hint ends it')

      const other = await place(t)
      other.sh(`umask 077; echo 'gone since long ago (shell pid 1)' >${LOCK}`)
      await other.hold('flock', LOCK, 'sh', '-c', 'echo held; printf "\\033"; exec cat')
      const { error } = await other.session(shell, 'exclusive')
      t.match(error, {
        name: 'LockedError',
        message: /^the lock of this host, \/run\/fmc\.lock, is held by process \d+ of root\b/,
        hint: /^wait until it ends, or end it there: kill \d+/,
      })
      t.notMatch(error?.message, /gone since/, 'a line of a run that has ended does not count')
      other.sh(/end it there: (.*)$/.exec((error as LockedError).hint ?? '')?.[1] ?? 'false')
      await sleep(200)
      t.equal((await other.session(shell, 'exclusive')).error, undefined, 'the hint ends it')
    })

    await t.test('a run waits a moment for a lock whose holder is ending', async t => {
      for (const kind of KINDS) {
        const at = await place(t)
        const first = await at.session(shell, 'exclusive', 'ann')
        const begin = performance.now()
        const second = at.session(shell, kind, 'bob', PATIENCE_SECONDS)
        const over = sleep(1000).then(() => end(first.child))
        t.equal((await second).error, undefined, `${kind}: it has the lock`)
        t.ok(performance.now() - begin > 900, 'once the first has ended')
        await over
        const third = await at.session(shell, 'exclusive', 'cid')
        t.match(third.error?.message, /holds the lock of this host: bob \(shell pid \d+\)$/)
      }
    })

    await t.test('it does not wait for long, and needs no wait after a release', async t => {
      const at = await place(t)
      const first = await at.session(shell, 'exclusive', 'ann')
      const begin = performance.now()
      const refused = await at.session(shell, 'exclusive', 'bob', PATIENCE_SECONDS)
      const waited = performance.now() - begin
      t.match(refused.error?.message, /holds the lock of this host: ann \(shell pid \d+\)$/)
      t.ok(waited > 2500 && waited < 8000, `${waited} ms`)
      first.child.stdin?.write(`${RELEASE}; echo released\n`)
      await new Promise(resolve => first.child.stdout?.once('data', resolve))
      t.equal((await at.session(shell, 'exclusive', 'cid')).error, undefined)
      t.equal(first.child.exitCode, null, 'the shell of the first lives on')
    })

    await t.test(
      'dry runs share it, and the message does not name those that have ended',
      async t => {
        const at = await place(t)
        const runs = []
        for (const who of ['ann', 'bob', 'cid']) runs.push(await at.session(shell, 'shared', who))
        t.strictSame(
          runs.map(r => r.error),
          [undefined, undefined, undefined],
        )
        await Promise.all([end(runs[1]!.child), end(runs[2]!.child)])
        const refused = await at.session(shell, 'exclusive')
        t.match(refused.error?.message, /holds the lock of this host: ann \(shell pid \d+\)$/)
        const again = await at.session(shell, 'shared', 'dan')
        t.equal(again.error, undefined)
        t.match(at.sh(`cat ${LOCK}`), /^ann \(shell pid \d+\)\ndan \(shell pid \d+\)$/)
        await end(runs[0]!.child)
        await end(again.child)
        t.equal((await at.session(shell, 'exclusive')).error, undefined)
      },
    )

    await t.test('a lock of an older version of fmc counts', async t => {
      for (const share of ['', '-s ']) {
        const at = await place(t)
        const script = BEFORE.replace('-n 9', `-n ${share}9`)
        const before = await at.hold('sh', '-c', `${script}; echo held; read -r x`)
        t.equal(at.sh(`stat -c %a ${LOCK}`), '644')
        for (const kind of KINDS) {
          const { error, child } = await at.session(shell, kind)
          if (share !== '' && kind === 'shared') t.equal(error, undefined, 'dry runs share it')
          else
            t.match(error?.message, /holds the lock of this host: before \(shell pid \d+\)/, kind)
          t.equal(at.sh(`stat -c %a ${LOCK}`), '644', 'not replaced while it is held')
          await end(child)
        }
        await end(before)
        t.equal((await at.session(shell, 'exclusive')).error, undefined)
        t.equal(at.sh(`stat -c %a ${LOCK}`), '600')
      }
    })

    await t.test('one of several racing runs wins, whatever the file is', async t => {
      const at = await place(t)
      const befores = [
        ':',
        `: >${LOCK}; chmod 644 ${LOCK}`,
        `umask 077; : >${LOCK}`,
        `umask 077; : >${LOCK}; : >${LOCK}.new`,
        `mkfifo ${LOCK}`,
      ]
      let none = 0
      for (let round = 0; round < 50; round++) {
        at.sh(`rm -rf /run/fmc.lock*; ${befores[round % befores.length]}`)
        const user = round % 2 === 0 && round % 5 === 1 ? await at.unprivileged('-x') : undefined
        const runs = await Promise.all(
          Array.from({ length: 4 }, (_, i) => at.session(shell, 'exclusive', `run ${i}`)),
        )
        const won = runs.filter(r => r.error === undefined)
        if (won.length > 1) t.fail(`${won.length} won in round ${round}`)
        if (won.length === 0) none++
        for (const { error } of runs)
          if (error !== undefined && !(error instanceof LockedError)) t.fail(error.message)
        await Promise.all(runs.map(r => end(r.child)))
        if (user) await end(user)
      }
      t.equal(none, 0, 'one of them wins')
      t.equal(at.sh('ls /run'), 'fmc.lock')
    })

    await t.test('a holder that cannot be seen from the host', async t => {
      const at = await place(t)
      at.sh(`umask 077; : >${LOCK}`)
      await at.hold('flock', LOCK, 'sh', '-c', 'echo held; exec cat')
      const inside = ['unshare', '-p', '-f', '--mount-proc', ...shell.split(' ')].join(' ')
      const { error } = await at.session(inside, 'exclusive')
      t.match(error, {
        name: 'LockedError',
        message: /cannot be seen/,
        hint: /: rm \/run\/fmc.lock$/,
      })
    })
  })

void t.test('a read-only playbook takes no lock', async t => {
  const at = await place(t)
  t.equal((await at.session('sh', 'none')).error, undefined)
  t.equal(at.sh('ls /run'), '')
  t.ok(existsSync('/run'), quote('the /run of this machine was not touched'))
})

void t.test('answers of a host that make no sense', t => {
  const read = (text: string) => lockScript('exclusive', 'me').read(text, 'word')
  const mark = '\x1eword:lock:'
  t.match(read('mine'), { error: { message: /did not answer/ } })
  t.match(read(`what${mark}`), {
    error: { message: /did not answer the request for its lock as expected/ },
  })
  t.strictSame(read(`mine${mark}rest`), { error: undefined, rest: 'rest' })
  const { error } = read(
    `locked\nroot 5 root sh\x1b[2J\nroot x y\nother 6 eve z\n\x1da\x1b]52;c;x\x07b (shell pid 5)\n${mark}`,
  )
  t.equal(error?.message, 'another fmc run holds the lock of this host: a ]52;c;x b (shell pid 5)')
  t.end()
})
