// tree, template, archive, timer and packages with versions, on the hosts of real.test.ts.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import type { FmcRun, Rig } from '../rig/lab.ts'

const HOSTS = ['deb1', 'el1', 'flat1']

/** An archive app-VERSION/{bin/app,conf/app.conf,current → conf}, made by the tar of this machine. */
function makeArchive(file: string, version: string): void {
  const dir = mkdtempSync(join(tmpdir(), 'fmc-sources-'))
  try {
    const root = join(dir, `app-${version}`)
    mkdirSync(join(root, 'bin'), { recursive: true })
    mkdirSync(join(root, 'conf', 'd'.repeat(120)), { recursive: true })
    writeFileSync(join(root, 'bin/app'), `#!/bin/sh\necho ${version}\n`)
    chmodSync(join(root, 'bin/app'), 0o6755)
    writeFileSync(join(root, 'conf', 'd'.repeat(120), 'ä.conf'), `version = ${version}\n`)
    if (version === '1') writeFileSync(join(root, 'only-in-1'), '')
    symlinkSync('conf', join(root, 'current'))
    execFileSync('tar', ['-czf', file, '-C', dir, `app-${version}`])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** `differences`: what is different on the disks since the call. */
export async function sources(
  t: Test,
  r: Rig,
  differences: () => Promise<() => Promise<string[]>>,
): Promise<void> {
  const role = join(import.meta.dirname, 'project/roles/sources')
  for (const version of ['1', '2']) {
    const file = join(role, `app-${version}.tar.gz`)
    makeArchive(file, version)
    t.teardown(() => rmSync(file, { force: true }))
  }
  const onAll = (script: string): Promise<string[]> =>
    Promise.all(HOSTS.map(host => r.text(host, script)))
  const same = async (script: string, wanted: string): Promise<void> =>
    void t.strictSame(
      await onAll(script),
      HOSTS.map(() => wanted),
      script,
    )
  const fine = (ran: FmcRun, what: string): void =>
    void t.equal(ran.code, 0, `${what} ${ran.failures.join('\n')}${ran.code ? ran.stderr : ''}`)

  await onAll(`mkdir -p /srv/tree/app/old/deep /srv/tree/all && cd /srv/tree
    touch app/old/deep/x all/kept && ln -s /etc app/old/link && chown -hR daemon:daemon app
    ! command -v apt-get >/dev/null || apt-get -qq install -y keepalived >/dev/null
    ! command -v dnf >/dev/null || dnf -q -y install keepalived >/dev/null
    ! command -v rpm >/dev/null || rpm -q bash >/dev/null`)
  const since = await differences()
  const planned = await r.fmc('play', 'sources', '--dry-run', '--diff')
  fine(planned, 'the dry run')
  t.strictSame(await since(), [], 'the dry run writes nothing')
  const done = await r.fmc('play', 'sources')
  fine(done, 'the run')
  t.strictSame(done.changed, planned.changed, 'what changed is what was predicted')
  t.match(done.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
  const again = await r.fmc('play', 'sources')
  fine(again, 'the second run')
  t.strictSame(again.changed, [], 'a second run changes nothing')

  const change = (task: string) =>
    planned.tasks.find(e => e.host === 'deb1' && e.task === task)?.changes
  t.match(change('file /srv/tree/app/conf.d/a.conf')?.[0]?.diff, /^\+port = 1$/m)
  t.strictSame(
    change('purge /srv/tree/app')
      ?.map(c => c.what)
      .sort(),
    [
      'remove directory /srv/tree/app/old',
      'remove directory /srv/tree/app/old/deep',
      'remove file /srv/tree/app/old/deep/x',
      'remove link /srv/tree/app/old/link',
    ],
  )
  await same(
    `cd /srv/tree && stat -c '%a %U:%G %n' app app/bin/hello app/conf.d/a.conf all/bin/hello all/kept && app/bin/hello && sha256sum <"app/odd name%\\$'.bin" | cut -c1-8`,
    '755 daemon:daemon app\n755 daemon:daemon app/bin/hello\n644 daemon:daemon app/conf.d/a.conf\n755 root:root all/bin/hello\n644 root:root all/kept\nhello\n31ae8e2b'.replace(
      '31ae8e2b',
      await sumOf('\\000\\001\\377'),
    ),
  )
  await same('ls /etc/passwd && ! ls -A /srv/tree/app | grep old', '/etc/passwd')
  for (const host of HOSTS)
    t.equal(
      await r.text(host, 'cat /srv/tree/greeting /srv/tree/secret'),
      `# {{ two braces }}\nhost = ${host}\nport = 8080\npassword = ${labSecret(r.state.dir, 'every')}`,
    )
  for (const ran of [planned, done])
    t.notOk(ran.stdout.includes(labSecret(r.state.dir, 'every')), 'the secret is in no output')
  await same('wc -l </var/log/sources.log', '1')

  await same(
    `cd /opt/unpacked && bin/app && stat -c %a bin/app && readlink current && cat current/*/*.conf && ls`,
    '1\n755\nconf\nversion = 1\nbin\nconf\ncurrent\nonly-in-1',
  )
  await same(
    `systemctl start sources-note && cat /tmp/sources-note; systemctl is-enabled sources-note.timer; systemctl is-active sources-note.timer`,
    `100%|daemon|a\\b|enabled\nactive`,
  )
  const next = await r.text('deb1', 'systemctl show -P TimersCalendar sources-note.timer')
  t.match(next, /03:00:00/)
  t.equal(await r.text('deb1', "dpkg-query -Wf '${db:Status-Abbrev}' keepalived | cut -c2"), 'c')
  t.equal((await r.on('el1', 'rpm -q keepalived')).code, 1)

  const changed = ['-e', 'sources_archive=app-2.tar.gz', '-e', 'sources_hour=4']
  const dry = await r.fmc('play', 'sources', ...changed, '--dry-run')
  const second = await r.fmc('play', 'sources', ...changed)
  fine(second, 'with another archive')
  t.strictSame(second.changed, dry.changed)
  t.match(
    second.changed.filter(c => c.startsWith('deb1')),
    [/archive/, /file .*timer/, /handler note it/],
  )
  await same(
    'cd /opt/unpacked && bin/app && ls; ls -d /opt/*.fmc-new 2>/dev/null || :',
    '2\nbin\nconf\ncurrent',
  )
  t.match(await r.text('deb1', 'systemctl list-timers --no-legend sources-note.timer'), /04:0\d/)
}

const sumOf = (octal: string): Promise<string> =>
  Promise.resolve(
    execFileSync('sh', ['-c', `printf '${octal}' | sha256sum | cut -c1-8`])
      .toString()
      .trim(),
  )
