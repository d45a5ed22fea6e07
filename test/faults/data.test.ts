import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { run } from '../rig/lab.ts'
import { BIN, project, soon, start, type Name } from './project.ts'

const ESC = '\u001b'

void t.test('what hosts and authors may hand over', { timeout: 900_000 }, async t => {
  const p = await project(t, 'faults-data')
  const plain = (...args: string[]) => start(p.argv(args, 'plain'), { env: p.env, cwd: p.dir }).end

  await t.test('garbage, 100 MB and terminal escapes where facts are expected', async t => {
    p.role(
      'facts',
      "    await file('/srv/facts', { content: 'x\\n' })\n    await file('/srv/facts2', { content: 'x\\n' })",
    )
    // Asked of files that are there; nothing else that fmc does on these hosts needs it.
    const fake = (host: Name, text: string) =>
      p.rig.text(
        host,
        `echo old >/srv/facts; install -m 755 /dev/stdin /usr/local/bin/sha256sum <<'EOF'\n#!/bin/sh\n${text}\nEOF`,
      )
    await fake('a', `printf '\\033]0;owned\\007\\033[2J$(touch /tmp/owned)'`)
    await fake('b', "head -c 100000000 /dev/zero | tr '\\0' x")
    const ran = await p.fmc('role', 'facts', 'all')
    t.equal(ran.code, 2, JSON.stringify(ran.failures).slice(0, 500))
    t.match(ran.recap?.hosts, {
      a: { changed: 0, failed: 1 },
      b: { changed: 0, failed: 1 },
      c: { changed: 2 },
    })
    t.match(ran.failures['a'], /the host answered something unexpected/)
    t.match(ran.failures['b'], /printed more than \d+ [MK]B/)
    t.ok(ran.stdout.length < 100_000, `${ran.stdout.length} characters are reported`)
    const again = await plain('role', 'facts', 'a')
    t.equal(again.code, 2)
    t.notOk(again.stdout.includes(ESC), 'no escape reaches the terminal')
    t.match(again.stdout, /answered something unexpected/)
    for (const host of ['a', 'b'] as const) await p.rig.text(host, 'rm /usr/local/bin/sha256sum')
    t.match(
      await p.fmc('role', 'facts', 'all'),
      { code: 0, recap: { changed: 4 } },
      'then it goes on',
    )
  })

  await t.test('garbage, 100 MB and terminal escapes from a probe of the role', async t => {
    p.role(
      'probing',
      `    const loud = host.name === 'b' ? await probe\`head -c 100000000 /dev/zero | tr '\\\\0' x\` : undefined
    const { stdout, stderr } = await probe\`printf '\\\\033]0;owned\\\\007$(touch /tmp/owned)\\\\036\\\\001\\\\377'; printf '\\\\033[31mred' >&2\`
    await file('/srv/probed', { content: JSON.stringify([stdout, stderr, loud?.stdout.length]) })
    if (host.name === 'c') await gate('sees ' + stdout, async () => 'it says ' + stdout, { timeoutSeconds: 1 })`,
    )
    const ran = await plain('role', 'probing', 'all')
    t.equal(ran.code, 2)
    t.notOk(ran.stdout.includes(ESC) || ran.stderr.includes(ESC), 'no escape reaches the terminal')
    t.match(ran.stdout, /it says \^\[\]0;owned\^G\$\(touch/)
    t.match(ran.stdout, /^b +: ok=\d+ +changed=0 +skipped=0 +failed=1/m, ran.stdout)
    t.match(ran.stdout, /printed more than 4 MB/)
    const seen = JSON.parse(await p.rig.text('a', 'cat /srv/probed')) as [string, string]
    t.strictSame(seen.slice(0, 2), [
      '\u001b]0;owned\u0007$(touch /tmp/owned)\u001e\u0001\ufffd',
      `${ESC}[31mred`,
    ])
    for (const host of ['a', 'b', 'c'] as const)
      t.notOk(await p.holds(host, 'test -e /tmp/owned'), 'data is never run')
    t.equal((await run(['test', '-e', '/tmp/owned'])).code, 1)
  })

  await t.test('a question of the last run that the host would answer with 100 MB', async t => {
    p.role('asks', "    await file('/srv/asks', { content: (await probe`cat /srv/blob`).stdout })")
    await p.rig.text('b', 'echo small >/srv/blob')
    t.match(await p.fmc('role', 'asks', 'b'), { code: 0 })
    p.role('asks', "    await file('/srv/asks', { content: 'asks no more\\n' })")
    await p.rig.text('b', 'truncate -s 100M /srv/blob')
    const ran = await p.fmc('role', 'asks', 'b')
    t.match(ran, { code: 0, changed: ['b file /srv/asks'] }, JSON.stringify(ran.failures))
  })

  await t.test('names that a shell or a program could take for something else', async t => {
    const names = [
      '$(touch bad)',
      '`touch bad`',
      '; touch bad #',
      `it's "quoted"`,
      'two\nlines',
      '-rf',
      '--help',
      '*',
      '\\',
      '%s%n',
      'ü €',
      'a\tb',
      '| cat',
      '~root',
      '!!',
      `${ESC}[31mred`,
    ]
    p.role(
      'names',
      `    await directory('/srv/names')
    for (const n of vars.n_names) {
      await file('/srv/names/' + n, { content: n, notify: 'done: ' + vars.n_names[0], validate: c => \`test -s \${c}\` })
      await link('/srv/names/' + n + '.link', n)
      const p = await probe\`printf %s \${n}\`
      if (p.stdout !== n) throw new Error('probe: ' + JSON.stringify([n, p.stdout]))
      await $({ creates: '/srv/names/' + n + '.copy' })\`cp -- \${'/srv/names/' + n} \${'/srv/names/' + n + '.copy'}\`
      await $({ unless: 'test -e /srv/names/done', stdin: n })\`cat >>/srv/names.log; printf %s \${n} >>/srv/names.log\`
      if (!n.includes('\\n')) await line('/srv/names.lines', n)
    }
    await file('/srv/names/done', { content: 'x' })`,
      {
        vars: "n_names: z.array(z.string()).describe('x')",
        handlers: `${JSON.stringify(`done: ${names[0] ?? ''}`)}: () => $\`echo '$(handled)' >>/srv/handled\``,
      },
    )
    const extra = JSON.stringify({ n_names: names })
    const args = ['role', 'names', 'a', '-e', extra]
    const dry = await p.fmc(...args, '--dry-run')
    t.equal(dry.code, 0, JSON.stringify(dry.failures))
    const ran = await p.fmc(...args)
    t.equal(ran.code, 0, JSON.stringify(ran.failures))
    t.strictSame(ran.changed.toSorted(), dry.changed.toSorted(), 'predicted exactly')
    const again = await plain(...args, '-v', '--diff')
    t.equal(again.code, 0)
    t.match(again.stdout, /changed=0 /)
    t.notOk(again.stdout.includes(ESC))
    const found = await p.rig.text(
      'a',
      "cd /srv/names && find . -type f ! -name '*.copy' ! -name done -printf '%P\\0'",
    )
    t.strictSame(found.split('\0').filter(Boolean).toSorted(), names.toSorted())
    t.equal(await p.rig.text('a', 'cat /srv/names.log'), names.map(n => n + n).join(''))
    t.equal(await p.rig.text('a', 'cat /srv/handled'), '$(handled)')
    t.notOk(await p.holds('a', 'test -e /bad || test -e /root/bad || ls /srv/names/*.fmc-new'))
    t.equal((await run(['test', '-e', 'bad'], { cwd: p.dir })).code, 1, 'nor on the controller')
    const said = await p.adHoc('a', 'printf', '%s', '$(touch bad)')
    t.match(said, { code: 0, stdout: 'a | $(touch bad)\n' })
    t.notOk(await p.holds('a', 'test -e /bad'), 'words stay words')
  })

  await t.test('no space, and a file system that cannot be written', async t => {
    await p.rig.text(
      'b',
      `mkdir -p /srv/full /srv/ro && mount -t tmpfs -o size=64k tmpfs /srv/full && echo old >/srv/full/file
      mount -t tmpfs tmpfs /srv/ro && echo old >/srv/ro/file && mount -o remount,ro /srv/ro`,
    )
    p.role(
      'full',
      "    await file('/srv/full/file', { content: 'new\\n'.repeat(50000), notify: 'tell' })",
      {
        handlers: 'tell: () => $`echo told >>/srv/told`',
      },
    )
    p.role('ro', "    await file('/srv/ro/file', { content: 'new\\n' })")
    const [full, ro] = [await p.fmc('role', 'full', 'b'), await p.fmc('role', 'ro', 'b')]
    t.equal(full.code, 2)
    t.match(full.failures['b'], /file \/srv\/full\/file: [^]*(No space left on device|short write)/)
    t.equal(ro.code, 2)
    t.match(ro.failures['b'], /file \/srv\/ro\/file: [^]*Read-only file system/)
    t.equal(
      await p.rig.text(
        'b',
        'cat /srv/full/file /srv/ro/file; ls -A /srv/full /srv/ro; ! test -e /srv/told',
      ),
      'old\nold\n/srv/full:\nfile\n\n/srv/ro:\nfile',
      'the old file is whole, nothing is left beside it',
    )
    await p.rig.text('b', 'mount -o remount,size=4m /srv/full')
    t.match(await p.fmc('role', 'full', 'b'), { code: 0, recap: { changed: 2 } })
    await p.rig.text('b', 'umount /srv/full /srv/ro')
  })

  await t.test('apt is at work already', async t => {
    await p.rig.on(
      'c',
      // apt takes POSIX locks, which flock(1) does not see.
      `cat >/srv/hold.pl && systemd-run -q --unit hold perl /srv/hold.pl`,
      `use Fcntl; open F, ">>/var/lib/dpkg/lock-frontend"; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
      fcntl(F, F_SETLK, $l) or die; open G, ">/run/held"; sleep 600`,
    )
    t.ok(await soon(() => p.holds('c', 'test -e /run/held')))
    p.role('apt', "    await packages('cron')")
    // Where sleep takes no time, two minutes are over soon.
    const fast = '/usr/local/bin/sleep'
    await p.rig.text('c', `printf '#!/bin/sh\\n' >${fast} && chmod +x ${fast}`)
    const given = await p.fmc('role', 'apt', 'c')
    t.equal(given.code, 2)
    t.match(given.failures['c'], /apt has been locked for 120 s by pid \d+: .*perl \/srv\/hold\.pl/)
    await p.rig.text('c', `rm ${fast}`)
    const running = p.start('role', 'apt', 'c')
    t.ok(await soon(() => p.holds('c', 'pgrep -x sleep')), 'it waits')
    await sleep(2000)
    t.notOk(
      running.events().some(e => e.type === 'recap'),
      'and goes on waiting',
    )
    await p.rig.text('c', 'systemctl stop hold')
    const ran = await running.end
    t.equal(ran.code, 0, JSON.stringify(ran.failures))
    t.match(ran.changed, ['c packages cron'])
  })

  await t.test('a reader that goes away, colours, exit code 3', async t => {
    const cut = await run(
      [
        'bash',
        '-c',
        'set -o pipefail; "$@" | head -n 1',
        'bash',
        ...p.argv(['role', 'facts', 'all']),
      ],
      { env: p.env, cwd: p.dir },
    )
    t.equal(cut.code, 0, cut.stderr)
    t.match(JSON.parse(cut.stdout), { type: 'version', contract: 1 })
    t.notMatch(cut.stderr, /EPIPE|bug in fmc/)
    await p.rig.text('a', 'rm /srv/facts')
    const pending = await p.fmc('role', 'facts', 'all', '--dry-run', '--exit-code')
    t.match(pending, { code: 3, changed: ['a file /srv/facts'], recap: { exitCode: 3 } })
    t.equal((await p.fmc('role', 'facts', 'all', '--dry-run')).code, 0)
    const lines = pending.stdout.trimEnd().split('\n')
    for (const text of lines) t.ok(text.startsWith('{') && typeof JSON.parse(text) === 'object')
    t.match(JSON.parse(lines[0] ?? ''), { type: 'version', contract: 1 })
    t.match(JSON.parse(lines.at(-1) ?? ''), {
      type: 'recap',
      ok: Number,
      seconds: Number,
      hosts: {},
    })
    const tty = (env: NodeJS.ProcessEnv) =>
      start(
        [
          'script',
          '-qec',
          p.argv(['role', 'facts', 'a', '--dry-run'], 'tty').join(' '),
          '/dev/null',
        ],
        { env: { ...p.env, ...env }, cwd: p.dir },
      ).end
    const colour = /\u001b\[[0-9;]*m/
    t.notMatch((await tty({ NO_COLOR: '1' })).stdout, colour)
    t.match((await tty({ NO_COLOR: undefined, TERM: 'xterm' })).stdout, colour)
    const listed = await run(
      ['bash', '-c', '"$@" | true; exit ${PIPESTATUS[0]}', 'bash', process.execPath, BIN, 'hosts'],
      { cwd: p.dir },
    )
    t.notMatch(listed.stderr, /EPIPE|bug in fmc|at /)
  })
})
