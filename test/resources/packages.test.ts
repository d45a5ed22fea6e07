// What a plan promises about packages: what no repository has fails in the dry run, and what only the run can tell is said.
import t, { type Test } from 'tap'
import type { OfferFact } from '../../lib/facts/index.ts'
import { $, file, packages, type PackageSpec } from '../../lib/index.ts'
import { judge, type Wanted } from '../../lib/resources/offered.ts'
import { managerOf } from '../../lib/resources/package-manager.ts'
import { Hosts, one, tasks, type Ran } from '../engine/hosts.ts'

const apt = managerOf({ name: 'debian', family: 'debian', version: '12' })
const dnf = managerOf({ name: 'rocky', family: 'el', version: '9.5' })
const fresh = {
  versions: ['1:2.2.7-1+b2', '1:2.1'],
  candidate: '1:2.2.7-1+b2',
  lists: 60,
  unfetched: [],
  trouble: '',
}
const nothing = { ...fresh, versions: [], candidate: null }

void t.test('what the repositories’ offer means for a wanted package', t => {
  const said = (wanted: Wanted, offer: OfferFact, manager = apt): string => {
    const verdict = judge(wanted, offer, manager)
    if (verdict.is === 'fine') return 'fine'
    return `${verdict.is}: ${verdict.is === 'refused' ? verdict.text('web1') : verdict.text}`
  }
  const x = (version = 'present'): Wanted => ({ name: 'x', version })
  const known = 'only the run can tell whether a repository has'
  for (const [wanted, offer, expected, manager] of [
    [x(), 'installed', 'fine'],
    [x(), 'unknown', 'fine'],
    [x(), fresh, 'fine'],
    [x('1:2.2.7-1+b2'), fresh, 'fine'],
    [x('1:2.*'), fresh, 'fine'],
    [x('1:2.?'), fresh, 'fine'],
    [
      x('2.2*'),
      fresh,
      'refused: no repository of web1 has x in version 2.2*, only 1:2.2.7-1+b2, 1:2.1',
    ],
    [x('1:2.2.7-1+b2'), { ...fresh, candidate: null }, 'fine'],
    [x(), nothing, 'refused: no repository of web1 has the package x'],
    [x('1*'), nothing, 'refused: no repository of web1 has the package x'],
    [
      x(),
      { ...fresh, candidate: null },
      'refused: apt is configured on web1 to take no version of x',
    ],
    [
      x(),
      { ...nothing, unfetched: ['http://dead.example/debian/dists/stable'] },
      `unsure: apt could not fetch the lists of http://dead.example/debian/dists/stable; ${known} x`,
    ],
    [
      x(),
      { ...nothing, lists: 'never' },
      `unsure: apt has not fetched its lists on this host yet; ${known} x`,
    ],
    [
      x('3'),
      { ...fresh, lists: 'changed' },
      `unsure: the repositories' configuration is newer than the lists of apt; ${known} x=3`,
    ],
    [
      x(),
      { ...nothing, lists: 3 * 86_400 + 5 },
      `unsure: the lists of apt are 3 days old and do not have it; ${known} x`,
    ],
    [x(), { ...fresh, lists: 30 * 86_400 }, 'fine'],
    [
      x(),
      { ...nothing, trouble: 'a\nE: Malformed entry 1' },
      `unsure: apt cannot say what it offers (E: Malformed entry 1); ${known} x`,
    ],
    [x('1.22'), { ...fresh, versions: ['1.22-3.el9', '1.20-1.el9'] }, 'fine', dnf],
    [
      x('1.2'),
      { ...fresh, versions: ['1.22-3.el9'] },
      'refused: no repository of web1 has x in version 1.2, only 1.22-3.el9',
      dnf,
    ],
  ] as readonly (readonly [Wanted, OfferFact, string, typeof apt?])[])
    t.equal(said(wanted, offer, manager), expected)
  t.end()
})

/** apt on a test host: what it has installed and what its repositories have are lines of files in /srv. */
function withApt(t: Test): Hosts {
  const hosts = new Hosts(t)
  for (const host of ['a', 'b']) {
    hosts.program(
      host,
      'dpkg-query',
      'r=1; while read -r p v; do for n; do [ "$n" != "$p" ] || { echo "$p ii $v"; r=0; }; done; done </srv/installed; exit $r',
    )
    hosts.program(
      host,
      'apt-cache',
      'touch /srv/asked; while read -r p v; do case " $* " in *" $p "*) printf "%s:\\n  Installed: (none)\\n  Candidate: %s\\n  Version table:\\n     %s 500\\n        500 http://x y/z amd64 Packages\\n" $p $v $v ;; esac; done </srv/offered',
    )
    hosts.program(
      host,
      'apt-get',
      `case "$*" in
*--print-uris*) [ ! -e /srv/dead ] || echo "'http://127.0.0.1:9/debian/dists/stable/InRelease' 127.0.0.1:9_debian_dists_stable_InRelease 0 " ;;
*update*) touch /srv/updated; if [ -e /srv/dead ]; then echo "E: The repository 'http://127.0.0.1:9/debian stable Release' does not have a Release file." >&2; exit 100; fi ;;
*install*) while [ "$1" != -- ]; do shift; done; shift
  for n; do p=\${n%%=*}; [ ! -e "/srv/only-after-update-$p" ] || [ -e /srv/updated ] || exit 100
    grep -q "^$p " /srv/offered || { echo "E: Unable to locate package $p" >&2; exit 100; }; grep "^$p " /srv/offered >>/srv/installed; done ;;
esac`,
    )
    hosts.write(host, 'srv/installed', 'bash 5.2\n')
    hosts.write(host, 'srv/offered', 'nginx 1.22.1-9\njq 1.6\nepel-release 9\n')
    hosts.write(host, 'var/lib/apt/lists/partial/x', '')
    hosts.write(host, 'var/lib/apt/lists/deb.example_dists_stable_main_binary-amd64_Packages', '')
  }
  return hosts
}
const dry = { dryRun: true, limit: 'a' }
const notes = (ran: Ran): unknown[] =>
  ran.tasks.flatMap(e => (e.note === undefined ? [] : [e.note]))

void t.test('a dry run fails for a package that no repository has', async t => {
  const hosts = withApt(t)
  const want = (...specs: readonly PackageSpec[]) => [one(tasks(() => packages(...specs)))]
  const none = await hosts.run(want('nginx', 'postgresql-17'), dry)
  t.match(none, { code: 2, failures: [/a: .*no repository of a has the package postgresql-17$/] })
  t.notMatch(none.failures, [/nginx.*nginx/])
  t.match((await hosts.run(want('nginx=1.20*'), dry)).failures, [
    /no repository of a has nginx in version 1\.20\*, only 1\.22\.1-9/,
  ])
  t.match(await hosts.run(want('nginx=1.22*', 'jq'), dry), { code: 0, changed: [/nginx/] })
  t.match(
    await hosts.run(want({ bash: '5.3' }), dry),
    { code: 2 },
    'an installed one in another version',
  )
  t.equal((await hosts.run(want('postgresql-17'), { limit: 'a' })).code, 2, 'so does the run')
  t.equal(hosts.read('a', 'srv/installed'), 'bash 5.2\n', 'which installs nothing')
})

void t.test('nobody asks the repositories for what is installed', async t => {
  const hosts = withApt(t)
  t.match(await hosts.run([one(tasks(() => packages('bash')))], dry), {
    code: 0,
    changed: [],
  })
  t.equal(hosts.read('a', 'srv/asked'), undefined)
})

void t.test('a repository that the plan adds may have it', async t => {
  const source = () => file('/etc/apt/sources.list.d/pgdg.list', { content: 'deb http://x y z\n' })
  const late = () => packages('postgresql-17')
  for (const [what, before, refused] of [
    ['a source', source, false],
    ['its key', () => file('/srv/pgdg.gpg', { content: 'x' }), false],
    ['a command', () => $`true`, false],
    ['a package that brings one', () => packages('epel-release'), false],
    ['another package', () => packages('nginx'), true],
    ['another file', () => file('/srv/app.conf', { content: 'x' }), true],
  ] as const) {
    const hosts = withApt(t)
    const ran = await hosts.run([one(tasks(before)), one(tasks(late))], dry)
    t.equal(ran.code, refused ? 2 : 0, `${what}: ${ran.failures.join()}`)
  }
})

void t.test('a plan says what only the run can tell', async t => {
  const hosts = withApt(t)
  const late = [one(tasks(() => packages('postgresql-17')))]
  await hosts.sh('a', 'touch -d "9 days ago" /var/lib/apt/lists/partial /var/lib/apt/lists')
  // The configuration of this machine's apt, which the test host shares, is older.
  const old = await hosts.run(late, dry)
  t.match(old, { code: 0, changed: [/postgresql-17/] })
  t.match(notes(old), [
    /(9 days old|configuration is newer).*only the run can tell whether a repository has postgresql-17/,
  ])
  await hosts.sh('a', 'rm /var/lib/apt/lists/*_Packages')
  t.match(notes(await hosts.run(late, dry)), [/^apt has not fetched its lists on this host yet; /])
})

void t.test('a dead repository does not stop what the others have', async t => {
  const hosts = withApt(t)
  hosts.write('a', 'srv/dead', '')
  hosts.write('a', 'srv/only-after-update-nginx', '')
  const done = await hosts.run([one(tasks(() => packages('nginx')))], { limit: 'a' })
  t.match(done, { code: 0, changed: ['a packages nginx'] }, done.failures.join())
  t.match(notes(done), [
    "apt could not fetch all lists: The repository 'http://127.0.0.1:9/debian stable Release' does not have a Release file.",
  ])
  const none = await hosts.run([one(tasks(() => packages('postgresql-17')))], dry)
  t.match(
    notes(none),
    [
      /^apt could not fetch the lists of http:\/\/127\.0\.0\.1:9\/debian\/dists\/stable; only the run can tell/,
    ],
    'it may be back when the run fetches the lists',
  )
  await hosts.sh('a', 'rm /var/lib/apt/lists/*_Packages')
  const failed = await hosts.run([one(tasks(() => packages('postgresql-17')))], { limit: 'a' })
  t.match(failed.failures, [
    /E: Unable to locate package postgresql-17 .*; apt could not fetch all lists: The repository 'http:\/\/127\.0\.0\.1:9\/debian stable Release'/,
  ])
})

void t.test('dnf’s words for a repository that it could not reach', t => {
  t.equal(
    dnf.unreached(
      "Errors during downloading metadata for repository 'dead':\nIgnoring repositories: dead\n",
    ),
    'dnf could not reach the repository dead',
  )
  t.equal(dnf.unreached('Warning: x\n'), undefined)
  t.equal(
    dnf.cause?.(
      "  - Curl error (7): Couldn't connect\nError: Failed to download metadata for repo 'dead'\nIgnoring repositories: dead\nError: Unable to find a match: x\n",
    ),
    'Error: Unable to find a match: x',
  )
  t.match(dnf.install(['x']), /--setopt='\*\.skip_if_unavailable=1' install -- x$/)
  t.end()
})
