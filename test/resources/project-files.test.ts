// template, tree and timer without a host, and what they refuse.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { archive, file, template, timer, tree } from '../../lib/index.ts'
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

  symlinkSync('/etc/passwd', join(dir, 'src/sub/link'))
  writeFileSync(join(dir, 'no.tar'), 'no archive')
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
    [() => archive(join(dir, 'no.tar'), '/srv/x'), /cut off, or is no tar archive/],
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
