import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  hosts as hostsOf,
  Secret,
  willExist,
  TaskError,
  type Host,
  type Inventory,
  type Role,
  type Network,
  type Vip,
} from '../../lib/index.ts'
import { Hosts, one, tasks } from '../engine/hosts.ts'
import freeipa from '../../roles/freeipa/index.ts'
import freeipaClient from '../../roles/freeipa-client/index.ts'
import { keyScript, clientOptions, joinScript } from '../../roles/freeipa-client/enrolment.ts'
import { judgeClient } from '../../roles/freeipa-client/state.ts'
import { advise } from '../../roles/freeipa/advice.ts'
import { checkPassword, installOptions, installScript } from '../../roles/freeipa/install.ts'
import { parseLdif } from '../../roles/freeipa/ldif.ts'
import {
  directoryOf,
  forgetCalls,
  forwarderCall,
  freshDirectory,
  zoneCalls,
} from '../../roles/freeipa/records.ts'
import { stoppedIn } from '../../roles/freeipa/services.ts'
import { judgeServer } from '../../roles/freeipa/state.ts'
import { vars } from '../../roles/freeipa/vars.ts'
import { zonesOf, type Zone } from '../../roles/shared/dns/zones.ts'
import {
  fqdnOf,
  hostLogin,
  ipa,
  ldapiOf,
  realmOf,
  suffixOf,
} from '../../roles/shared/freeipa/names.ts'
import { parseSurvey, surveyScript } from '../../roles/shared/freeipa/survey.ts'

const host = (name: string, ...nics: readonly (readonly [string, string])[]): Host =>
  ({
    name,
    groups: [],
    nics: nics.map(([network, address]) => ({ network, address })),
  }) as unknown as Host
const server = host('ipa1', ['lan', '10.0.0.2'])
const DOMAIN = 'cloud.internal'
const want = {
  host: 'ipa1',
  fqdn: `ipa1.${DOMAIN}`,
  realm: 'CLOUD.INTERNAL',
  domain: DOMAIN,
  addresses: ['10.0.0.2'],
}
const PASSWORDS = {
  directory: new Secret('dm "pass$word', 'd'),
  admin: new Secret("ad'min `pw`", 'a'),
}
const defaults = vars.parse({
  freeipa_admin_password: PASSWORDS.admin,
  freeipa_directory_password: PASSWORDS.directory,
})

void t.test('names that follow from the domain', t => {
  t.equal(realmOf('cloud.internal'), 'CLOUD.INTERNAL')
  t.equal(suffixOf('a.Cloud.internal'), 'dc=a,dc=cloud,dc=internal')
  t.equal(ldapiOf('cloud.internal'), 'ldapi://%2Frun%2Fslapd-CLOUD-INTERNAL.socket')
  t.equal(fqdnOf({ name: 'DB1' }, 'cloud.internal'), 'db1.cloud.internal')
  t.match(
    ipa(DOMAIN, 'host-show', 'a b'),
    /ipa -n -e in_server=true -e ldap_uri=\S+ host-show 'a b'/,
  )
  t.match(hostLogin(want.fqdn, DOMAIN).join(' '), /kinit -k .* -c MEMORY:fmc host\/ipa1\.cloud/)
  t.end()
})

void t.test('what is installed decides, and what is not fmc’s is refused', t => {
  const conf = (realm: string, domain = DOMAIN, name = want.fqdn) =>
    `conf realm ${realm}\nconf domain ${domain}\nconf host ${name}\n`
  const INSTALLED = 'complete ipa True\ntraces ipa\ncomplete ipa-client True\ntraces ipa-client\n'
  for (const [answer, judged] of [
    ['', 'absent'],
    ['address 10.0.0.2\n', 'absent'],
    [`${conf(want.realm)}${INSTALLED}instance CLOUD-INTERNAL\n`, 'installed'],
    // An uninstallation leaves files of /etc.
    [conf(want.realm), 'absent'],
    ['begun\n', 'absent'],
    ['begun\ncomplete ipa False\ntraces ipa\n', 'interrupted'],
    ['begun\ninstance CLOUD-INTERNAL\n', 'interrupted'],
    // Killed between the installation's end and fmc's own note of it.
    [`begun\n${conf(want.realm)}${INSTALLED}`, 'installed'],
    [
      `${conf('OTHER.ORG')}${INSTALLED}`,
      /another FreeIPA server .* its realm is OTHER\.ORG and not CLOUD/,
    ],
    [
      `${conf(want.realm, DOMAIN, 'old.cloud.internal')}${INSTALLED}`,
      /its host is old\.cloud\.internal/,
    ],
    [INSTALLED, /its realm is missing/],
    ['complete ipa False\ntraces ipa\n', /half of a FreeIPA server/],
    ['traces ipa\n', /half of a FreeIPA server.*\/var\/lib\/ipa\/sysrestore has files/],
    ['instance ldap1\n', /somebody else, is installed here: \/etc\/dirsrv\/slapd-ldap1/],
    [
      `${conf('OTHER.ORG')}complete ipa-client True\n`,
      /enrolled in a FreeIPA realm \(OTHER\.ORG\)/,
    ],
    ['address 127.0.1.1\n', /\/etc\/hosts says that ipa1\.cloud\.internal is 127\.0\.1\.1/],
  ] as const) {
    const judge = () => judgeServer(parseSurvey(answer), want)
    if (typeof judged === 'string') t.equal(judge(), judged, answer)
    else t.throws(judge, { message: judged, hint: /ipa1|\/etc\/hosts/ }, answer)
  }
  for (const [answer, judged] of [
    ['', 'absent'],
    [`${conf(want.realm)}complete ipa-client True\ntraces ipa-client\n`, 'enrolled'],
    [`${conf('OTHER.ORG')}complete ipa-client True\n`, /another realm: OTHER\.ORG/],
    ['complete ipa-client False\ntraces ipa-client\n', /begun and not come to its end/],
    [`${conf(want.realm)}${INSTALLED}`, /a FreeIPA server is installed here/],
  ] as const) {
    const judge = () => judgeClient(parseSurvey(answer), { host: 'db1', realm: want.realm })
    if (typeof judged === 'string') t.equal(judge(), judged, answer)
    else t.throws(judge, { message: judged }, answer)
  }
  for (const odd of [
    'complete ipa maybe',
    'conf realm',
    'traces x',
    'instance',
    'x\u001b[31m',
    'begun now',
  ])
    t.throws(() => parseSurvey(odd), TaskError, odd)
  t.end()
})

void t.test('the survey reads what the installers write', t => {
  const root = t.testdir({
    etc: {
      ipa: {
        'default.conf':
          '[global]\nhost = ipa1.cloud.internal\nrealm = CLOUD.INTERNAL\nldap_uri = x\n',
      },
    },
    var: {
      ipa: {
        sysrestore: {
          'sysrestore.state':
            '[dirsrv]\ncomplete = False\n\n[installation]\ncomplete = True\n\n[z]\ncomplete = False\n',
        },
      },
      'ipa-client': { sysrestore: { 'sysrestore.index': '[files]\n' } },
    },
  })
  const script = surveyScript('localhost')
    .replaceAll('/etc/ipa', `${root}/etc/ipa`)
    .replaceAll('/var/lib/$kind', `${root}/var/$kind`)
  const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  t.equal(stderr, '')
  const found = parseSurvey(stdout)
  t.match(found, {
    conf: { host: 'ipa1.cloud.internal', realm: 'CLOUD.INTERNAL' },
    server: true,
    client: undefined,
    serverTraces: true,
    clientTraces: true,
    begun: false,
  })
  t.ok(found.addresses.includes('127.0.0.1'))
  t.end()
})

/** Runs a script with programs that write down their arguments, and returns these and its standard output. */
function played(t: Test, script: string, stubs: Readonly<Record<string, string>>, stdin = '') {
  const dir = t.testdir()
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  for (const [name, text] of Object.entries(stubs))
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const text = script.replaceAll('/var/lib/fmc', dir).replaceAll('/run/fmc-freeipa', `${dir}/keys`)
  const ran = spawnSync('sh', ['-euc', text.replaceAll('/usr/sbin/', `${bin}/`)], {
    encoding: 'utf8',
    input: stdin,
    env: { PATH: `${bin}:/usr/bin:/bin` },
  })
  return { ...ran, dir }
}

void t.test('the installer gets its passwords, and no process has them in its arguments', t => {
  const program = `import os, sys
print(sys.argv[1:], [open(f"/proc/{p}/cmdline").read() for p in os.listdir("/proc") if p.isdigit() and p == str(os.getpid())], sys.stdin.read() == "", os.umask(0))`
  const { directory, admin } = PASSWORDS
  const script = installScript('absent', ['--unattended', '--realm=A B'], directory, admin)
  const dir = t.testdir({ 'ipa-server-install': program })
  const text = script.reveal().replaceAll('/usr/sbin', dir).replaceAll('/var/lib/fmc', dir)
  const ran = spawnSync('sh', ['-eu'], { encoding: 'utf8', input: text })
  t.equal(ran.status, 0, ran.stderr)
  const [argv = '', cmdline = ''] = ran.stdout.split('] [')
  t.match(argv, `--ds-password=${directory.reveal()}`)
  t.match(argv, "--admin-password=ad'min `pw`")
  t.match(argv, '--realm=A B')
  t.match(cmdline, 'runpy')
  t.notMatch(cmdline, 'pass$word')
  t.notMatch(cmdline, '`pw`')
  t.match(ran.stdout, /True 18\n$/, 'no standard input, and the mask 022')
  t.notMatch(String(script), 'pw')

  const again = installScript('interrupted', [], directory, admin).reveal()
  t.match(
    again,
    /--uninstall --unattended\nprintf/,
    'an interrupted installation is taken back first',
  )
  t.strictSame(installOptions(want, defaults), [
    ...['--unattended', '--realm=CLOUD.INTERNAL', '--domain=cloud.internal'],
    ...['--hostname=ipa1.cloud.internal', '--ip-address=10.0.0.2', '--setup-dns'],
    ...['--forwarder=1.1.1.1', '--forwarder=9.9.9.9', '--forward-policy=first'],
    ...['--no-reverse', '--no-ntp', '--no-ssh', '--no-sshd'],
  ])
  t.end()
})

void t.test('a failed installation stays noted, so that the next run takes it back', t => {
  const { status, dir } = played(
    t,
    installScript('absent', [], PASSWORDS.directory, PASSWORDS.admin).reveal(),
    { python3: 'cat >/dev/null; exit 1' },
  )
  t.equal(status, 1)
  t.ok(spawnSync('test', ['-e', `${dir}/freeipa-begun`]).status === 0)
  t.end()
})

void t.test('passwords that the installer would refuse', t => {
  for (const [password, why] of [
    ['short', /less than 8/],
    ['with\\backslash', /a backslash/],
    ['with\ttab here', /printable ASCII/],
    ['contraseña larga', /printable ASCII/],
    ['two\nlines here', /printable ASCII/],
    [' leading space', /begins or ends/],
    ['trailing space ', /begins or ends/],
    ['it\'s "fine" $(x) 1', undefined],
  ] as const) {
    const check = () => checkPassword('freeipa_admin_password', new Secret(password, 'ipa'))
    if (why === undefined) check()
    else t.throws(check, { message: why, hint: 'fmc secrets set ipa' }, password)
    try {
      check()
    } catch (error) {
      t.notMatch(String(error), password.trim())
    }
  }
  t.end()
})

const cloud = {
  domain: DOMAIN,
  hosts: [server, host('db1', ['lan', '10.0.0.3'], ['kube_net', '10.1.0.3'])],
  vips: [{ name: 'api', address: '10.0.0.9' } as Vip],
  networks: [
    { name: 'lan', cidr: '10.0.0.0/24' },
    { name: 'kube_net', cidr: '10.1.0.0/24' },
  ] as Network[],
  nameservers: [server],
}
const zonesWith = (...records: readonly { name: string; type: string; value: string }[]): Zone[] =>
  zonesOf(cloud, vars.parse({ ...defaults, dns_records: records }))
const words = (zone: Zone, directory: ReturnType<typeof directoryOf>): string[] =>
  zoneCalls(zone, directory).map(c => c.words.join(' '))
const UPSTREAMS = { addresses: ['1.1.1.1'], policy: 'first' }
const fresh = freshDirectory(want, UPSTREAMS)

const LDIF = `dn: idnsname=cloud.internal.,cn=dns,dc=cloud,dc=internal
objectClass: idnszone
idnsName: cloud.internal.
nSRecord: ipa1.cloud.internal.
mXRecord: 10 mail

dn: idnsname=ipa1,idnsname=cloud.internal.,cn=dns,dc=cloud,dc=internal
aRecord: 10.0.0.2

dn: idnsname=db1,idnsname=cloud.internal.,cn=dns,dc=cloud,dc=internal
aRecord: 10.0.0.77
aRecord: 10.0.0.3
sSHFPRecord: 1 1 ab

dn:: ${Buffer.from('idnsname=git,idnsname=cloud.internal.,cn=dns,dc=cloud,dc=internal').toString('base64')}
cNAMERecord: API.Cloud.Internal.
tXTRecord:: ${Buffer.from('"otro añejo"').toString('base64')}

dn: idnsname=theirs,idnsname=cloud.internal.,cn=dns,dc=cloud,dc=internal
aRecord: 192.0.2.1

dn: idnsServerId=ipa1.cloud.internal,cn=servers,cn=dns,dc=cloud,dc=internal
idnsServerId: ipa1.cloud.internal
idnsForwarders: 9.9.9.9
idnsForwarders: 1.1.1
 .1
`

void t.test('zones and records: declared ones are added or corrected, others are left alone', t => {
  const now = directoryOf(parseLdif(LDIF))
  const [domain, lan, kube] = zonesWith(
    { name: 'git', type: 'CNAME', value: 'api' },
    { name: '@', type: 'MX', value: '10 mail.cloud.internal.' },
    { name: '@', type: 'MX', value: '20 backup' },
    { name: 'spf', type: 'TXT', value: 'v=spf1 -all' },
  ) as [Zone, Zone, Zone]
  t.strictSame(words(domain, now), [
    'dnsrecord-mod cloud.internal. db1 --a-rec=10.0.0.3',
    'dnsrecord-add cloud.internal. db1.kube-net --a-rec=10.1.0.3',
    'dnsrecord-add cloud.internal. api --a-rec=10.0.0.9',
    'dnsrecord-add cloud.internal. @ --mx-rec=20 backup.cloud.internal.',
    'dnsrecord-add cloud.internal. spf --txt-rec="v=spf1 -all"',
  ])
  t.strictSame(words(lan, now), [
    'dnszone-add 0.0.10.in-addr.arpa. --skip-overlap-check',
    'dnsrecord-add 0.0.10.in-addr.arpa. 2 --ptr-rec=ipa1.cloud.internal.',
    'dnsrecord-add 0.0.10.in-addr.arpa. 3 --ptr-rec=db1.cloud.internal.',
    'dnsrecord-add 0.0.10.in-addr.arpa. 9 --ptr-rec=api.cloud.internal.',
  ])
  t.equal(words(kube, now).length, 2)
  t.strictSame(
    words(domain, fresh).filter(w => w.includes('ipa1')),
    [],
    'a new server has its own record',
  )
  t.throws(() => words(zonesWith({ name: 'x', type: 'CAA', value: '0 issue "x"' })[0]!, now), {
    message: 'dns_records: x.cloud.internal CAA: FreeIPA has no records of type CAA',
  })
  t.match(forwarderCall(want.fqdn, UPSTREAMS, now)?.words, [
    'dnsserver-mod',
    want.fqdn,
    '--forwarder=1.1.1.1',
    '--forward-policy=first',
  ])
  t.equal(
    forwarderCall(want.fqdn, { ...UPSTREAMS, addresses: ['1.1.1.1', '9.9.9.9'] }, now),
    undefined,
  )
  t.match(
    forwarderCall(want.fqdn, { addresses: ['1.1.1.1', '9.9.9.9'], policy: 'only' }, now)?.what,
    /\(first\) → .*\(only\)/,
  )
  t.end()
})

void t.test('what a removed host leaves in DNS', t => {
  const now = directoryOf(parseLdif(LDIF))
  const zones = zonesOf(
    { ...cloud, hosts: [host('db1', ['lan', '10.0.0.3'])], vips: [] },
    vars.parse(defaults),
  )
  t.strictSame(
    forgetCalls(
      zones.flatMap(z => z.records),
      zones,
      now,
    ).map(c => c.words.join(' ')),
    ['dnsrecord-del cloud.internal. db1 --a-rec=10.0.0.3'],
  )
  t.end()
})

void t.test('every call makes what it says: afterwards there is nothing to do', t => {
  const label = fc.constantFrom('a', 'b', 'c')
  const record = fc.oneof(
    fc.record({
      name: label,
      type: fc.constant('A'),
      value: fc.constantFrom('10.0.0.4', '10.0.0.5'),
    }),
    fc.record({ name: label, type: fc.constant('TXT'), value: fc.constantFrom('x y', 'z') }),
    fc.record({
      name: fc.constant('@'),
      type: fc.constant('MX'),
      value: fc.constantFrom('10 a', '20 B.'),
    }),
  )
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 6 }),
      fc.array(record, { maxLength: 6 }),
      (declared, there) => {
        const have = new Map<string, readonly string[]>()
        for (const { name, type, value } of there)
          have.set(`${name} ${type}`, [...(have.get(`${name} ${type}`) ?? []), value])
        const unique = declared.filter(
          (d, i) => declared.findIndex(o => JSON.stringify(o) === JSON.stringify(d)) === i,
        )
        const [zone] = zonesWith(...unique)
        if (!zone) return
        const after = new Map(have)
        for (const { words } of zoneCalls(zone, {
          zones: new Map([[DOMAIN, have]]),
          forwarders: new Map(),
        })) {
          const [command, , name = '', ...options] = words
          const values = options.map(o => o.slice(o.indexOf('=') + 1))
          const key = `${name} ${/^--(\w+)-rec/.exec(options[0] ?? '')?.[1]?.toUpperCase() ?? ''}`
          after.set(
            key,
            command === 'dnsrecord-mod' ? values : [...(after.get(key) ?? []), ...values],
          )
        }
        t.strictSame(
          zoneCalls(zone, { zones: new Map([[DOMAIN, after]]), forwarders: new Map() }),
          [],
        )
      },
    ),
    { numRuns: 40 },
  )
  t.end()
})

void t.test('hostile answers', t => {
  for (const odd of [
    'aRecord: 1',
    'dn: a\ndn: b',
    'nonsense',
    ':: x',
    'dn:: %%%',
    'dn:: abc',
    '\u001b]0;x\u0007',
  ])
    t.throws(
      () => parseLdif(odd),
      { message: /^ldapsearch gave an unexpected answer/ },
      JSON.stringify(odd),
    )
  t.strictSame(parseLdif(''), [])
  t.strictSame(parseLdif('# a comment\n\n'), [])
  t.strictSame(directoryOf(parseLdif('dn: __proto__\naRecord: 1\n')).zones.size, 0)
  t.strictSame(stoppedIn('Directory Service: RUNNING\nnamed Service: STOPPED\nx\n'), ['named'])
  t.throws(() => stoppedIn(''), TaskError)
  t.throws(() => stoppedIn('named Service: WALKING'), TaskError)
  t.end()
})

void t.test('the key of a client', t => {
  const getkeytab = 'while [ $# -gt 0 ]; do [ "$1" != -k ] || echo key >"$2"; shift; done'
  for (const [code, calls] of [
    [0, 'host-show'],
    [2, 'host-show host-add'],
  ] as const) {
    const log = `for w; do case $w in host-*) echo "$w" >>"$0.log"; last=$w ;; esac; done; [ "$last" != host-show ] || exit ${code}`
    const { status, stderr, dir } = played(t, keyScript('db1.cloud.internal', DOMAIN), {
      ipa: log,
      'ipa-getkeytab': getkeytab,
    })
    t.equal(status, 0, stderr)
    const said = spawnSync(
      'sh',
      ['-c', 'tr "\\n" " " <bin/ipa.log; ls -A keys; stat -c %a keys keys/*; base64 -d keys/*'],
      { cwd: dir, encoding: 'utf8' },
    )
    t.equal(said.stdout, `${calls} db1.cloud.internal\n700\n600\nkey\n`)
  }
  const down = played(t, keyScript('db1', DOMAIN), {
    ipa: 'echo "ipa: ERROR: down" >&2; exit 1',
    'ipa-getkeytab': getkeytab,
  })
  t.equal(down.status, 1)
  t.match(down.stderr, 'ipa: ERROR: down')
  t.end()
})

void t.test('the client’s installer', t => {
  const options = clientOptions({
    host: host('db1'),
    server,
    domain: DOMAIN,
    vars: { freeipa_client_homes: true, freeipa_client_sshd: false },
  })
  t.strictSame(options, [
    ...['--unattended', '--realm=CLOUD.INTERNAL', '--domain=cloud.internal'],
    ...['--server=ipa1.cloud.internal', '--hostname=db1.cloud.internal'],
    ...['--ntp-server=ipa1.cloud.internal', '--mkhomedir', '--no-ssh', '--no-sshd'],
  ])
  const script = joinScript(options).replace(
    '/run/fmc-freeipa.XXXXXX',
    '/tmp/fmc-freeipa-test.XXXXXX',
  )
  const stub =
    'f=${1#--keytab=}; stat -c "%a %U" "$f"; cat "$f"; umask; readlink /proc/self/fd/0; echo "$f" >&2'
  const ran = played(
    t,
    script,
    { 'ipa-client-install': stub },
    Buffer.from('the key\n').toString('base64'),
  )
  t.equal(ran.stdout, '600 root\nthe key\n0022\n/dev/null\n')
  t.equal(spawnSync('test', ['-e', ran.stderr.trim()]).status, 1, 'the key is gone')
  const bad = played(t, script, { 'ipa-client-install': stub }, '%%%')
  t.not(bad.status, 0)
  t.equal(bad.stdout, '', 'no installation without the whole key')
  t.end()
})

void t.test('what lint says', t => {
  const inventory = {
    domain: 'cloud',
    groups: new Map([['ipa_servers', ['ipa1', 'ipa2']]]),
  } as unknown as Inventory
  const said = advise({
    vars: { ...defaults, dns_records: [{ name: 'x', type: 'A', value: '10.0.0.1', ttl: 60 }] },
    host: { ...server, groups: ['ipa_servers', 'infra'], memoryMb: 1024 },
    inventory,
    hosts: () => [],
    unpinned: () => undefined,
  })
  t.match(
    said.map(a => a.message),
    [
      /one FreeIPA server and no replicas, and ipa_servers has ipa1, ipa2/,
      /in the group infra, too/,
      /a domain of one word: cloud/,
      /needs 2 GB, and ipa1 has 1024 MB/,
      /x A: FreeIPA keeps one ttl/,
    ],
  )
  t.equal(said.filter(a => a.severity === 'error').length, 4)
  t.end()
})

void t.test('the plan of a server and a client that do not exist yet is exact', async t => {
  const hosts = new Hosts(
    t,
    { b: 'a', c: 'a' },
    'groups: { ipa_servers: { hosts: [b] }, ipa_clients: { hosts: [c] } }\n',
  )
  hosts.down.add('b').add('c')
  // Hosts of this rig are called Debian 12: they take EL's row.
  const asDebian = (role: Role): Role => ({
    ...role,
    platforms: { 'debian 12': role.platforms?.['el 9'] },
  })
  const ran = await hosts.run(
    [
      one(
        tasks(() => {
          for (const vm of hostsOf('b,c')) willExist(vm)
          return Promise.resolve()
        }),
        { hosts: 'a' },
      ),
      one(asDebian(freeipa), { hosts: 'ipa_servers' }),
      one(asDebian(freeipaClient), { hosts: 'ipa_clients' }),
    ],
    {
      dryRun: true,
      extraVars: {
        freeipa_admin_password: new Secret('abcdefgh1', 'ipa'),
        freeipa_directory_password: new Secret('abcdefgh2', 'dm'),
      },
    },
  )
  t.strictSame(ran.failures, [])
  t.strictSame(
    ran.tasks.filter(e => e.estimate).map(e => e.task),
    [],
  )
  t.strictSame(ran.changed, [
    'b hostname b.test.internal',
    'b line /etc/hosts 10.0.0.11 b.test.internal b',
    'b packages ipa-server ipa-server-dns bind-utils chrony',
    'b file /etc/chrony.conf',
    'b service chronyd',
    'b FreeIPA server b.test.internal',
    'b service ipa',
    'b zone test.internal',
    'b zone 0.0.10.in-addr.arpa',
    'b handler restart chrony',
    'b handler log in as admin',
    'c hostname c.test.internal',
    'c packages ipa-client',
    'b key for c.test.internal',
    'c FreeIPA client c.test.internal',
    'b no key for c.test.internal',
  ])
})
