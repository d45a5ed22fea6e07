// template, tree and timer without a host, and what they refuse.
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { copyRole } from '../../lib/cli/copy-role.ts'
import { archive, file, packages, template, timer, tree } from '../../lib/index.ts'
import { without } from '../../lib/artifacts/tar.ts'
import { fill } from '../../lib/resources/template.ts'
import { timerUnits } from '../../lib/resources/timer.ts'
import { extras } from '../../lib/resources/tree.ts'
import { Hosts, one, tasks } from '../engine/hosts.ts'

void t.test('a template', t => {
  t.equal(
    fill('f', 'a {{x}} {{ y_1 }}\n{{ "{{" }}{{ "}}" }}', { x: 1, y_1: '{{ x }}$&' }),
    'a 1 {{ x }}$&\n{{}}',
  )
  const refused: readonly (readonly [string, Record<string, never>, RegExp])[] = [
    ['a\nb {{ prot }}', { port: '1' } as never, /^f:2: \{\{ prot \}\} has no value: .*port/],
    ['{{ toString }}', {}, /f:1: \{\{ toString \}\} has no value/],
    ['a', { port: '1' } as never, /^f: does not use port$/],
    ['\n\n{{ a-b }}', {}, /^f:3: expected \{\{ name \}\}, or \{\{ "\{\{" \}\}/],
    ['}}', {}, /^f:1: expected \{\{ name \}\}/],
    ['{{ x }}', { x: Number.NaN } as never, /^f:1: \{\{ x \}\} is NaN/],
    ['{{ x }}', { x: undefined } as never, /^f:1: \{\{ x \}\} is not a text/],
    ['{{ a }}\n{{ b }}', {}, /^f:1: [^]*\nf:2: /],
  ]
  for (const [text, values, message] of refused)
    t.throws(() => fill('f', text, values), { message }, text)
  t.end()
})

void t.test('the units of a timer', t => {
  const { service, timer: text } = timerUnits('x', {
    calendar: 'daily',
    command: 'echo "$HOME" 100% \\\nnext',
    catchUp: false,
    spreadSeconds: 5,
    timeoutSeconds: 9,
    user: 'app',
  })
  t.match(
    service,
    '\nUser=app\nTimeoutStartSec=9\nExecStart=/bin/sh -ec "echo \\"$$HOME\\" 100%% \\\\\\nnext"\n',
  )
  t.match(text, '\nOnCalendar=daily\nPersistent=no\nRandomizedDelaySec=5\n')
  t.end()
})

void t.test('what a purge would remove', t => {
  const answer = (stdout: string, code = 0) => ({ code, stdout, stderr: 'no' })
  const wanted = new Set(['/a/b/keep'])
  t.strictSame(extras('/a/b', answer('f/a/b/keep\0f/a/b/x\n\0d/a/b/d\0l/a/b/l\0'), wanted), [
    { path: '/a/b/x\n', kind: 'file' },
    { path: '/a/b/d', kind: 'directory' },
    { path: '/a/b/l', kind: 'link' },
  ])
  for (const [stdout, message] of [
    ['f/etc/passwd\0', /unexpected answer/],
    ['f/a/bc\0', /unexpected answer/],
    ['f/a/b/x', /cut off/],
    ['s/a/b/socket\0', /neither a file, a link nor a directory/],
  ] as const)
    t.throws(() => extras('/a/b', answer(stdout), wanted), { message })
  t.throws(() => extras('/a/b', answer('', 1), wanted), { message: /cannot list \/a\/b: no/ })
  t.end()
})

void t.test('fmc copy reads no file that was put in the place of another', async t => {
  const dir = t.testdir({ src: { small: 'small', large: 'l'.repeat(5_000_000) }, key: 'hush' })
  const hosts = new Hosts(t)
  for (const name of ['small', 'large']) {
    const copy = copyRole(join(dir, 'src', name), '/srv/copy', {})
    rmSync(join(dir, 'src', name))
    symlinkSync(join(dir, 'key'), join(dir, 'src', name))
    const linked = await hosts.run([one(copy, { hosts: 'a' })])
    t.match(linked, { code: 2, failures: [/cannot read .* ELOOP/] }, name)
    rmSync(join(dir, 'src', name))
    linkSync(join(dir, 'key'), join(dir, 'src', name))
    const other = await hosts.run([one(copy, { hosts: 'a' })])
    t.match(other, { code: 2, failures: [/was replaced after fmc had looked at it/] }, name)
    t.equal(hosts.read('a', 'srv/copy'), undefined)
  }
})

void t.test('an archive does not decide where fmc writes its own file', t => {
  const names = ['app', '.fmc-archive', '.fmc-archive/x', 'sub/.fmc-archive', '.fmc-archive2']
  const members = names.map(path => ({
    path,
    kind: 'link' as const,
    executable: false,
    content: Buffer.alloc(0),
    target: 'app',
  }))
  t.strictSame(
    without('.fmc-archive', members).map(m => m.path),
    ['app', 'sub/.fmc-archive', '.fmc-archive2'],
  )
  t.end()
})

void t.test('a name or version that apt-get would read as a removal', async t => {
  const hosts = new Hosts(t)
  for (const spec of ['fmc-none-', 'fmc-none=7.88.1-']) {
    const bad = await hosts.run([
      one(
        tasks(() => packages(spec)),
        { hosts: 'a' },
      ),
    ])
    t.match(bad, { code: 2, failures: [/is not a (package name|version of fmc-none)/] }, spec)
  }
})

void t.test('on a host', async t => {
  const dir = t.testdir({
    src: { 'a.txt': 'a\n', sub: { 'b.txt': 'b\n' } },
    't.tmpl': 'v={{ v }}\n',
  })
  const hosts = new Hosts(t)
  hosts.write('a', 'srv/app/old/x', 'x')
  const r = tasks(async () => {
    await tree(join(dir, 'src'), '/srv/app', { purge: true })
    await file('/srv/t', { content: template(join(dir, 't.tmpl'), { v: 1 }) })
  })
  const planned = await hosts.run([one(r, { hosts: 'a' })], { dryRun: true })
  const ran = await hosts.run([one(r, { hosts: 'a' })])
  t.equal(ran.code, 0, ran.failures.join('\n'))
  t.strictSame(ran.changed, planned.changed)
  t.equal(
    (await hosts.sh('a', 'cd /srv/app; find . -type f | sort')).stdout,
    './a.txt\n./sub/b.txt\n',
  )
  t.equal(hosts.read('a', 'srv/t'), 'v=1\n')
  t.strictSame((await hosts.run([one(r, { hosts: 'a' })])).changed, [])

  chmodSync(join(dir, 'src/sub/b.txt'), 0o666)
  const open = await hosts.run([one(r, { hosts: 'a' })])
  t.match(open, { code: 2, failures: [/sub\/b\.txt can be written by every user/] })
  chmodSync(join(dir, 'src/sub/b.txt'), 0o644)

  symlinkSync('/etc/passwd', join(dir, 'src/sub/link'))
  writeFileSync(join(dir, 'no.tar'), 'no archive')
  writeFileSync(join(dir, 'empty.tar'), '')
  mkdirSync(join(dir, 'open'), { mode: 0o777 })
  const refused: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
    [() => tree(join(dir, 'src'), '/srv/app'), /src\/sub\/link is neither a file nor a directory/],
    [() => tree(join(dir, 'none'), '/srv/app'), /there is no .*\/none/],
    [() => tree('../up', '/srv/app'), /"\.\.\/up" is not a path below the role's directory/],
    [() => tree(join(dir, 't.tmpl'), '/srv/app'), /t\.tmpl is not a directory/],
    ...['/', '/etc', '/srv', '/usr/lib', '/var/lib', '/etc/systemd/system'].map(
      path =>
        [
          () => tree(join(dir, 'src'), path, { purge: true }),
          /would remove what the system needs/,
        ] as const,
    ),
    ...['no.tar', 'empty.tar'].map(
      name => [() => archive(join(dir, name), '/srv/x'), /cut off, or is no tar archive/] as const,
    ),
    [
      () => archive(join(dir, 'no.tar'), '/srv/app'),
      /\/srv\/app is there, and fmc has not unpacked it/,
    ],
    [
      () => timer('x', { calendar: 'now and then', command: 'true' }),
      /"now and then" is not a calendar event/,
    ],
    [
      () => timer('x', { calendar: 'daily\nUser=root', command: 'true' }),
      /is not a calendar event/,
    ],
    [() => timer('x', { calendar: 'daily', command: '\u0001' }), /control characters/],
    [() => timer('../x', { calendar: 'daily', command: 'true' }), /is not a timer's name/],
    [
      () => timer('x', { calendar: 'daily', command: 'true', description: 'a\nUser=b' }),
      /is not one line/,
    ],
  ]
  for (const [body, message] of refused) {
    const bad = await hosts.run([one(tasks(body), { hosts: 'a' })])
    t.match(bad, { code: 2, failures: [message] }, `${message} ${bad.failures.join()}`)
  }
})
