import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { forms } from '../../lib/secrets/redact.ts'
import { run } from '../rig/lab.ts'
import { BIN, inventoryText, project, soon, start, type Name } from './project.ts'

/** Looks at the command line and the environment of every process here, lab hosts' ones too, again and again. */
function watchProcesses(dir: string, secret: string) {
  const file = (name: string) => join(dir, name)
  writeFileSync(file('needle'), secret, { mode: 0o600 })
  const child = spawn(
    'sh',
    [
      '-c',
      `while [ ! -e "$0/stop" ]; do
        cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -aF -f "$0/needle" >>"$0/hits"
        echo >>"$0/rounds"
      done`,
      dir,
    ],
    { stdio: 'ignore' },
  )
  const count = (name: string) =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').length - 1 : 0
  return {
    rounds: () => count('rounds'),
    hits: () => count('hits'),
    async stop() {
      writeFileSync(file('stop'), '')
      await new Promise(resolve =>
        child.exitCode === null ? child.once('close', resolve) : resolve(0),
      )
    },
  }
}

void t.test('a secret is seen nowhere', { timeout: 900_000 }, async t => {
  const p = await project(t, 'faults-secrets', {
    hosts: ['a', 'b'],
    inventory: inventoryText(
      () => [],
      ['all:', '  vars: { s_pw: !secret db_password, s_where: start }'],
    ),
  })
  const password = labSecret(p.rig.state.dir, 'db_password')
  t.equal(password.length, 24)
  /** Also parts of it: eight characters are enough to find it by. */
  const parts = [...Array(password.length - 7).keys()].map(i => password.slice(i, i + 8))
  const shows = (text: string): string[] =>
    [...forms(password).filter(f => f.length >= 8), ...parts].filter(f => text.includes(f))
  const vars = {
    vars: "s_pw: z.instanceof(fmc.Secret).describe('x'), s_where: z.string().describe('x')",
  }
  p.role(
    'keeper',
    `    await directory('/srv/keep', { mode: '0700' })
    await file('/srv/keep/conf', { content: secret\`user = app\\npassword = \${vars.s_pw}\\n\`, mode: '0600', validate: c => \`sleep 0.5; grep -q '^password' \${c}\`, notify: 'use it' })
    await $({ creates: '/srv/keep/got', stdin: vars.s_pw })\`umask 077; sleep 0.5; cat >/srv/keep/got\`
    await $({ creates: '/srv/keep/sql', stdin: secret\`ALTER ROLE app PASSWORD '\${vars.s_pw}';\\n\` })\`umask 077; sleep 0.5; sh -c 'cat >/srv/keep/sql'\``,
    {
      ...vars,
      handlers:
        "'use it': ({ vars }: any) => $({ stdin: vars.s_pw })`sleep 0.3; sha256sum >/srv/keep/sum`",
    },
  )
  const outputs: string[] = []
  const stamp = join(p.dir, 'stamp')
  writeFileSync(stamp, '')

  await t.test('in no process while it is used', async t => {
    const dir = join(p.dir, 'watch')
    p.write('watch/rounds', '')
    const watch = watchProcesses(dir, password)
    t.teardown(() => watch.stop())
    const ran = await p.fmc('role', 'keeper', 'a:b', '--diff')
    t.equal(ran.code, 0, JSON.stringify(ran.failures))
    outputs.push(ran.stdout, ran.stderr)
    t.equal(await p.rig.text('a', 'cat /srv/keep/got'), password, 'it was used')
    t.match(await p.rig.text('a', 'cat /srv/keep/sql'), `PASSWORD '${password}'`)
    t.ok(watch.rounds() > 5, `${watch.rounds()} looks at all processes`)
    t.equal(watch.hits(), 0)
    const bad = spawn('sleep', ['120'], {
      env: { ...process.env, OOPS: password },
      stdio: 'ignore',
    })
    t.ok(await soon(() => Promise.resolve(watch.hits() > 0)), 'it would have been found')
    bad.kill()
  })

  await t.test('in no output, whatever the format', async t => {
    for (const host of ['a', 'b'] as const)
      await p.rig.text(host, 'echo old >/srv/keep/conf; rm /srv/keep/got')
    const role = ['role', 'keeper', 'a:b', '--diff', '-v']
    const o = { env: p.env, cwd: p.dir }
    const dry = await start(p.argv([...role, '--dry-run'], 'plain'), o).end
    const line = p.argv([...role, '--dry-run'], 'tty').join(' ')
    const tty = await start(['script', '-qec', line, '/dev/null'], o).end
    const real = await start(p.argv(role, 'plain'), o).end
    for (const ran of [dry, tty, real]) {
      t.equal(ran.code, 0, ran.stdout + ran.stderr)
      t.match(ran.stdout, /secret content differs|content/)
      outputs.push(ran.stdout, ran.stderr)
    }
    const listed = await run([process.execPath, BIN, 'hosts', 'a'], o)
    t.match(listed.stdout, /s_pw +"‹secret›"/)
  })

  await t.test('not in an error, though the command prints it', async t => {
    const leaks: Record<string, string> = {
      plain: '`cat >&2; exit 3`',
      encoded: '`base64 >&2; exit 3`',
      quoted: '`read -r x; set -x; : "$x"; false`',
      cut: '`read -r x; printf %s "$x"; head -c 3990 /dev/zero | tr "\\\\0" z; exit 3`',
      wrong: '`eval "$(cat)"`',
    }
    for (const [name, command] of Object.entries(leaks)) {
      p.role(`leak-${name}`, `    await $({ stdin: secret\`\${vars.s_pw}\\n\` })${command}`, vars)
      const ran = await p.fmc('role', `leak-${name}`, 'a')
      t.equal(ran.code, 2, name)
      t.match(ran.failures['a'], name === 'cut' ? /zzzz/ : /‹secret›/, name)
      outputs.push(ran.stdout, ran.stderr)
    }
    p.role(
      'leak-slow',
      "    await $({ stdin: secret`${'x'.repeat(180)}${vars.s_pw}`, timeoutSeconds: 2 })`cat >&2; sleep 30`",
      vars,
    )
    const slow = await p.fmc('role', 'leak-slow', 'a')
    t.equal(slow.code, 2)
    t.match(slow.failures['a'], /the command took longer than 2 s and was ended/)
    p.role(
      'leak-check',
      "    await file('/srv/keep/bad', { content: secret`p=${vars.s_pw}\\n`, validate: c => `cat ${c}; false` })",
      vars,
    )
    const check = await p.fmc('role', 'leak-check', 'a', '--diff')
    t.equal(check.code, 2)
    t.match(check.failures['a'], /validation failed/)
    p.role('leak-word', '    await $`echo ${vars.s_pw}`', vars)
    const word = await p.fmc('role', 'leak-word', 'a', '--dry-run')
    t.not(word.code, 0, 'a secret in a command is refused')
    p.role('leak-probe', '    await probe`echo ${vars.s_pw}`', vars)
    const probed = await p.fmc('role', 'leak-probe', 'a', '--dry-run')
    t.not(probed.code, 0)
    outputs.push(...[slow, check, word, probed].flatMap(r => [r.stdout, r.stderr]))
  })

  await t.test('nothing has kept it', async t => {
    for (const text of outputs) t.strictSame(shows(text), [], text.slice(0, 200))
    for (const host of ['a', 'b'] satisfies Name[]) {
      const { stdout } = await p.rig.on(
        host,
        'cat >/srv/needle; grep -rlasF -f /srv/needle /tmp /run /var/tmp /var/log /var/lib/fmc /etc; journalctl -q --no-pager -o export | grep -caF -f /srv/needle; rm /srv/needle',
        password,
      )
      t.equal(stdout, '0\n', `${host}: no file, no log`)
    }
    const here = await run([
      'sh',
      '-c',
      `grep -rlasF -f "$1/watch/needle" "$1/cache"
        find /tmp /run /var/tmp -xdev -newer "$1/stamp" -type f -size -2048k ! -path "$1/*" -print0 2>/dev/null | xargs -0r grep -lasF -f "$1/watch/needle"; true`,
      'sh',
      p.dir,
    ])
    t.equal(here.stdout, '', 'nor here')
  })
})
