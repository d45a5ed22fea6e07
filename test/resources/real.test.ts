import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { rig, ROOT, run, type FmcRun, type Rig } from '../rig/lab.ts'
import { sources } from './sources.ts'
import { EVERY_BYTE, HOSTILE, LARGE } from './project/hostile.ts'

const HOSTS = ['deb1', 'el1', 'flat1']

/** Every file of every host's disks: kind, owner, mode and content. What a host logs of its own is left out. */
async function disks(r: Rig): Promise<Map<string, string>> {
  const { stdout, stderr, code } = await run([
    'sh',
    '-ec',
    `cd "$1/hosts"
    list() { find . \\( -path '*/var/log' -o -path '*/var/lib/systemd' -o -name console.log -o -path './*/work' -o -path './*/root' \\) -prune -o "$@"; }
    list -printf '%p\\037%y %m %U %G %l\\0'
    list -type f -size +99M -printf '%p\\037%b blocks, %T@\\0'
    list -type f -size -100M -print0 | xargs -0 sha256sum -z | sed -z 's/^\\([0-9a-f]*\\)  \\(.*\\)$/\\2\\x1f\\1/'`,
    'sh',
    r.state.dir,
  ])
  if (code !== 0) throw new Error(stderr)
  const found = new Map<string, string>()
  for (const record of stdout.split('\0').filter(Boolean)) {
    const [path = '', what = ''] = record.split('\x1f')
    found.set(path, `${found.get(path) ?? ''} ${what}`)
  }
  return found
}

const differences = (a: Map<string, string>, b: Map<string, string>): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter(path => a.get(path) !== b.get(path))

const messages = (ran: FmcRun): string =>
  `${ran.failures.join('\n')}\n${ran.code === 0 ? '' : ran.stderr}`

/** The last line of a program's output on each host, the same on all. */
const onAll = (r: Rig, script: string): Promise<string[]> =>
  Promise.all(HOSTS.map(host => r.text(host, script)))

void t.test('every resource on real hosts', async t => {
  const r = await rig(t, 'test-resources', {
    inventory: join(import.meta.dirname, 'project/inventory.yaml'),
  })
  await t.test('a dry run writes nothing and predicts exactly', t => everyResource(t, r))
  await t.test('the state of the hosts after the run', t => looks(t, r))
  await t.test('files of the project, timers, packages with versions', t =>
    sources(t, r, async () => {
      const before = await disks(r)
      return async () => differences(before, await disks(r))
    }),
  )
  await t.test('what cannot be done is refused, and nothing is left behind', t => refusals(t, r))
  await t.test('a handler is pending after a kill', t => owing(t, r))
})

async function everyResource(t: Test, r: Rig): Promise<void> {
  await onAll(
    r,
    `mkdir -p /srv/every && cd /srv/every && touch unwanted && ln -s nowhere dangling
    printf first >/srv/no-end && echo kept >kept && echo 'by hand' >once
    # Whoever reads rpm's database takes part in its shared memory (sqlite.org/wal.html), a file of its own.
    ! command -v rpm >/dev/null || rpm -q bash`,
  )
  const before = await disks(r)
  const planned = await r.fmc('play', 'every', '--dry-run', '--diff')
  t.equal(planned.code, 0, `the dry run is fine ${messages(planned)}`)
  t.strictSame(differences(before, await disks(r)), [], 'the disks are as they were')
  const done = await r.fmc('play', 'every')
  t.equal(done.code, 0, `the run is fine ${messages(done)}`)
  t.ok(planned.changed.length > 100)
  t.strictSame(done.changed, planned.changed, 'what changed is what was predicted')
  t.match(done.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
  t.strictSame(
    done.tasks.filter(e => e.note === 'by another task').map(e => e.task),
    [],
    'every task did its own',
  )
  const again = await r.fmc('play', 'every')
  t.equal(again.code, 0, messages(again))
  t.strictSame(again.changed, [], 'a second run changes nothing')
  const secret = labSecret(r.state.dir, 'every')
  for (const ran of [planned, done, again])
    t.notOk(`${ran.stdout}${ran.stderr}`.includes(secret), 'the secret is in no output')
  const shown = planned.tasks.find(e => e.task === 'file /srv/every/secret')
  t.match(shown?.changes[0]?.diff, /^\+password=‹secret›$/m)
}

async function looks(t: Test, r: Rig): Promise<void> {
  const sum = (content: string | Buffer): string =>
    createHash('sha256').update(content).digest('hex')
  const same = async (script: string, wanted: string, what = script): Promise<void> => {
    const all = HOSTS.map(() => wanted)
    t.strictSame(await onAll(r, script), all, what)
  }
  const content = async (name: string, bytes: string | Buffer): Promise<void> => {
    const quoted = `'${name.replaceAll("'", `'\\''`)}'`
    await same(`sha256sum <./${quoted} | cut -c1-64`, sum(bytes), JSON.stringify(name))
  }
  const cd = 'cd /srv/every;'
  await content('../srv/every/bytes', EVERY_BYTE)
  await content('../srv/every/large', LARGE)
  await content('../srv/every/secret', `password=${labSecret(r.state.dir, 'every')}\n`)
  await content('../srv/every/fed', labSecret(r.state.dir, 'every'))
  await content('../srv/every/once', 'by hand\n')
  await content('../srv/every/lines', `${HOSTILE.map(x => x.replaceAll('\n', ' ')).join('\n')}\n`)
  await content('../srv/no-end', 'first\nsecond\n')
  await content('../srv/every/mine.more', 'a\n')
  const list = HOSTILE.map(x => `'${x.replaceAll("'", `'\\''`)}'`).join(' ')
  await same(
    `${cd} for n in ${list}; do sha256sum <"./$n" | cut -c1-64; done`,
    HOSTILE.map(x => sum(`${HOSTILE.join('\n')}${x}`)).join('\n'),
    'files with hostile names and texts',
  )
  await same(
    `${cd} for n in ${list}; do [ "$(readlink -- "./$n.link"; echo .)" = "$n
." ] && [ -d "./$n.d" ] || echo "$n"; done`,
    '',
    'links and directories with hostile names',
  )
  await same(
    `${cd} stat -c '%a %U:%G %n' bytes large deep deep/er secret kept`,
    '4711 root:root bytes\n644 app:app large\n755 root:root deep\n2750 app:app deep/er\n400 app:app secret\n600 app:root kept',
  )
  await same(`${cd} ls unwanted dangling pwned 2>/dev/null; find / -xdev -name '*.fmc-new'`, '')
  await same('cat /var/log/every.log', 'first\nlast', 'handlers ran once, in the order of the role')
  t.equal(await r.text('deb2', 'cat /srv/from-elsewhere /var/log/every.log'), 'by deb1\nelsewhere')
  await same('getent passwd numbered', 'numbered:x:4322:4321::/srv/numbered:/bin/sh')
  await same('getent passwd app | cut -d: -f6-', '/srv/every:/usr/sbin/nologin')
  await same('cat /proc/sys/net/ipv4/ip_local_port_range', '20000\t60000')
  await same('findmnt -rno FSTYPE,LABEL "/srv/data disk"', 'ext4 every')
  await same('readlink /etc/localtime', '/usr/share/zoneinfo/Europe/Madrid')
  await same('systemctl show -P Environment every-app', 'A=b')
  await same(
    'systemctl is-active every-app every-static every-template@7777',
    'active\nactive\nactive',
  )
  await same('systemctl is-enabled every-app every-static', 'enabled\nstatic')
  await same('systemctl is-enabled every-masked || true', 'masked')
  for (const host of HOSTS)
    t.equal(
      await r.text(host, 'hostname; cat /etc/hostname'),
      `${host}.test.internal\n${host}.test.internal`,
    )
  t.equal(
    await r.text('el1', "rpm -q --qf '%{NAME} ' chrony jq keepalived; dnf -q history list | wc -l"),
    'chrony jq keepalived 4',
  )
  await onAll(r, 'rm -rf /var/lib/fmc/pending/every && ! ls -A /var/lib/fmc/pending | grep .')
}

/** Task and what its failure must say, wherever it runs. */
const REFUSED: readonly (readonly [task: string, message: RegExp])[] = [
  ['file /srv/r/link', /is a link, not a file/],
  ['file /srv/r/dir', /is a directory, not a file/],
  ['file /srv/r/none/f', /the directory \/srv\/r\/none does not exist/],
  ['file /srv/r/target/f', /\/srv\/r\/target is not a directory/],
  ['file /srv/r/owner', /there is no user nobody-such/],
  ['file /srv/r/mode', /mode "0999" is not octal/],
  ['file relative', /"relative" is not an absolute path/],
  ['file /srv/../etc/x', /not a normal path/],
  ['file /srv/nul\0', /NUL byte/],
  ['line /srv/r/link x', /is a link, not a file/],
  ['line /srv/r/dir x', /is a directory, not a file/],
  ['line /srv/r/target two\nlines', /is not one line/],
  ['directory /srv/r/target/below', /\/srv\/r\/target is a file, not a directory/],
  ['directory /srv/r/link', /is a link, not a directory/],
  ['link /srv/r/target', /is a file, not a link/],
  ['link /srv/r/none/l', /the directory \/srv\/r\/none does not exist/],
  ['absent /srv/r/dir', /is a directory/],
  ['artifact /srv/r/artifact', /there is no artifact no-such/],
  ['artifact /srv/r/none/artifact', /the directory \/srv\/r\/none does not exist/],
  ['user x', /there is no group no-such/],
  ['user daemon', /has the uid 1, not 4999/],
  ['group daemon', /has the gid 1, not 4999/],
  ['group -x', /is not a user or group name/],
  ['service no-such', /there is no unit no-such/],
  ['service masked', /is masked/],
  ['filesystem /dev/no-such', /there is no block device/],
  ['filesystem /dev/disk/by-id/virtio-data', /already contains ext4 labelled every/],
  ['sysctl net.no.such', /no parameter net\.no\.such/],
  ['timezone Europe/Nowhere', /no time zone Europe\/Nowhere/],
]
const ATTEMPTED: typeof REFUSED = [
  ['gate it is open', /did not open within 1 s/],
  ['file /srv/r/checked', /^file \/srv\/r\/checked: validation failed: .*\(exit code 3\)$/],
  ['file /srv/full/f', /No space left|I\/O error|write error|short write/],
  ['line /srv/full/g yyy', /No space left|I\/O error|write error/],
  ['file /srv/ro/f', /Read-only file system/],
  ['artifact /srv/full/artifact', /No space left/],
  ['artifact /srv/r/refused', /validation failed: exit code 1$/],
  ['service failing', /exit code 1/],
  ['kernel module no_such_module', /no_such_module not found|exit code/],
  ['$ cat >&2; exit 9', /: ‹secret› \(exit code 9\)$/],
  ['$ exec sleep 120', /took longer than 1 s/],
]
async function refusals(t: Test, r: Rig): Promise<void> {
  await onAll(
    r,
    `mkdir -p /srv/r/dir /srv/full /srv/ro /etc/systemd/system && cd /srv/r && echo old >target && echo old >checked && ln -s target link
    mount -t tmpfs -o size=64k tmpfs /srv/full && echo old >/srv/full/f && echo old >/srv/full/g
    mount -t tmpfs tmpfs /srv/ro && echo old >/srv/ro/f && mount -o remount,ro /srv/ro
    ln -s /dev/null /etc/systemd/system/masked.service
    printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c "echo the reason why; exit 1"\\n' >/etc/systemd/system/failing.service
    systemctl daemon-reload`,
  )
  const before = await disks(r)
  const planned = await r.fmc('play', 'refusals', '--dry-run')
  t.strictSame(
    differences(before, await disks(r)),
    [],
    'a dry run that fails writes nothing either',
  )
  const ran = await r.fmc('play', 'refusals')
  t.equal(ran.code, 2, ran.stdout.slice(-600) + ran.stderr.slice(-300))
  const failures = (of: FmcRun, host: string) =>
    of.tasks.filter(e => e.host === host && e.status === 'failed')
  for (const host of HOSTS) {
    const only: typeof REFUSED = [
      host === 'flat1'
        ? ['packages cron', /not supported on flatcar: it has no package manager/]
        : ['packages no-such-package', /: no repository of \w+ has the package no-such-package$/],
    ]
    for (const [of, list] of [
      [planned, [...REFUSED, ...only]],
      [ran, [...REFUSED, ...only, ...ATTEMPTED]],
    ] as const)
      for (const [task, message] of list) {
        const event = failures(of, host).find(e => e.task.startsWith(task))
        t.match(
          event?.failure?.message ?? 'it did not fail',
          message,
          `${host} ${JSON.stringify(task)}`,
        )
      }
    t.match(
      failures(ran, host).find(e => e.task === 'service failing')?.failure?.output,
      /the reason why/,
      'a unit that fails says why',
    )
    t.match(
      failures(ran, host).find(e => e.task === 'file /srv/r/checked')?.failure?.output,
      /line 1 of .* is bad/,
      'a validation that fails shows its output',
    )
  }
  t.notOk(`${ran.stdout}${ran.stderr}`.includes(labSecret(r.state.dir, 'every')))
  t.strictSame(
    await onAll(
      r,
      `cat /srv/r/target /srv/r/checked /srv/full/f /srv/full/g /srv/ro/f
      ls /srv/r/handled /srv/r/refused /srv/full/artifact /var/lib/fmc/pending/refusals 2>/dev/null
      find /srv -name '*.fmc-new'; pgrep -f 'sleep 12[0]' || true`,
    ),
    HOSTS.map(() => 'old\nold\nold\nold\nold'),
    'old files are untouched, nothing is left behind, nobody was notified',
  )
}

/** Asks a host until it says yes. */
async function until(r: Rig, host: string, script: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;)
    if ((await r.on(host, script)).code === 0) return
  throw new Error(`${host}: ${script}: not within a minute`)
}

async function owing(t: Test, r: Rig): Promise<void> {
  await r.text('deb2', 'touch /run/block')
  const fmc = spawn(
    process.execPath,
    [join(ROOT, 'lib/bin.js'), 'play', 'owing', '--lab', '--output', 'json', '-i', r.inventory],
    { cwd: ROOT, detached: true, stdio: 'ignore', env: { ...process.env, FMC_LAB: r.name } },
  )
  const ended = new Promise(resolve => fmc.once('close', resolve))
  await until(r, 'deb2', 'test -e /run/blocked')
  process.kill(-(fmc.pid ?? 0), 'SIGKILL')
  await ended
  await r.text('deb2', 'rm /run/block')
  await until(r, 'deb2', 'flock -n /run/fmc.lock true')
  t.equal(await r.text('deb2', 'cat /var/log/owing.log 2>/dev/null || true'), '')
  const planned = await r.fmc('play', 'owing', '--dry-run')
  t.match(planned.tasks.at(-1), {
    task: 'handler a handler / with *odd* "name"',
    status: 'changed',
    note: 'pending from an interrupted run',
  })
  const done = await r.fmc('play', 'owing')
  t.equal(done.code, 0, messages(done))
  t.strictSame(done.changed, planned.changed)
  t.equal(await r.text('deb2', 'cat /var/log/owing.log'), 'ran', 'it ran once')
  t.strictSame((await r.fmc('play', 'owing')).changed, [])

  await r.text('deb2', 'touch /var/lib/fmc/pending/owing/old%20name')
  const renamed = await r.fmc('play', 'owing')
  t.equal(renamed.code, 2)
  t.match(
    renamed.stdout,
    /handler \\"old name\\" is pending from an interrupted run, but the role owing no longer defines it/,
  )
  t.match(renamed.stdout, /fmc run .*deb2 -- rm -f -- .*old%20name/)
  await r.text('deb2', 'rm /var/lib/fmc/pending/owing/old%20name')
}
