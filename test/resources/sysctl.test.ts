// Which file decides a kernel parameter at boot: by tables, and against systemd-sysctl itself.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import { sysctlFiles, type SysctlFile } from '../../lib/facts/sysctl-files.ts'
import { file, sysctl, type PackageSpec, packages, $ } from '../../lib/index.ts'
import { atBoot } from '../../lib/resources/sysctl-order.ts'
import { table } from '../facts/helpers.ts'
import { Hosts, one, tasks } from '../engine/hosts.ts'

const f = (path: string, ...lines: string[]): SysctlFile => ({
  path,
  target: path === '/etc/sysctl.d/99-sysctl.conf' ? '/etc/sysctl.conf' : undefined,
  lines: lines.map((text, i) => [i + 1, text] as const),
})
const BIND = 'net.ipv4.ip_nonlocal_bind'
const FMC = f('/etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf', `${BIND} = 1`)

void t.test('the assignment that counts at boot', t => {
  for (const [what, files, key, expected] of [
    ['nothing', [], BIND, undefined],
    ['fmc’s own', [FMC], BIND, '1 /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf:1'],
    [
      'Debian’s link to sysctl.conf comes later',
      [FMC, f('/etc/sysctl.d/99-sysctl.conf', 'a = 1', `${BIND}=0`)],
      BIND,
      '0 /etc/sysctl.d/99-sysctl.conf:2',
    ],
    [
      'an earlier name does not count',
      [f('/etc/sysctl.d/10-x.conf', `${BIND}=0`), FMC],
      BIND,
      '1 /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf:1',
    ],
    [
      'order is by name, not by directory',
      [FMC, f('/usr/lib/sysctl.d/99-x.conf', `${BIND}=0`)],
      BIND,
      '0 /usr/lib/sysctl.d/99-x.conf:1',
    ],
    [
      '/etc hides the same name',
      [f('/etc/sysctl.d/99-x.conf'), FMC, f('/usr/lib/sysctl.d/99-x.conf', `${BIND}=0`)],
      BIND,
      '1 /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf:1',
    ],
    [
      'the key with slashes',
      [FMC, f('/etc/sysctl.d/99-x.conf', 'net/ipv4/ip_nonlocal_bind = 0')],
      BIND,
      '0 /etc/sysctl.d/99-x.conf:1',
    ],
    [
      'a failure is ignored',
      [FMC, f('/etc/sysctl.d/99-x.conf', `-${BIND} = 0`)],
      BIND,
      '0 /etc/sysctl.d/99-x.conf:1',
    ],
    [
      'a pattern does not beat an assignment',
      [FMC, f('/etc/sysctl.d/99-x.conf', 'net.ipv4.ip_* = 0')],
      BIND,
      '1 /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf:1',
    ],
    [
      'a pattern alone does',
      [f('/etc/sysctl.d/99-x.conf', 'net.ipv4.ip_n* = 0')],
      BIND,
      '0 /etc/sysctl.d/99-x.conf:1',
    ],
    [
      'an exclusion keeps patterns away',
      [f('/etc/sysctl.d/99-x.conf', 'net.ipv4.ip_n* = 0', `-${BIND}`)],
      BIND,
      undefined,
    ],
    [
      'an exclusion after an assignment takes it back',
      [FMC, f('/etc/sysctl.d/99-x.conf', `-${BIND}`)],
      BIND,
      undefined,
    ],
    [
      'a line that is no assignment',
      [FMC, f('/etc/sysctl.d/99-x.conf', BIND)],
      BIND,
      '1 /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf:1',
    ],
    [
      'another name of the same parameter',
      [
        f('/etc/sysctl.d/90-a.conf', 'net.ipv4.ip_forward=1'),
        f('/etc/sysctl.d/99-x.conf', 'net.ipv4.conf.all.forwarding=0'),
      ],
      'net.ipv4.ip_forward',
      '0 /etc/sysctl.d/99-x.conf:1',
    ],
    [
      'a pattern for another name of it',
      [
        f('/etc/sysctl.d/90-a.conf', 'net.ipv4.ip_forward=1'),
        f('/etc/sysctl.d/99-x.conf', 'net.ipv4.conf.*.forwarding=0'),
      ],
      'net.ipv4.ip_forward',
      '0 /etc/sysctl.d/99-x.conf:1',
    ],
    [
      'blanks',
      [f('/etc/sysctl.d/9.conf', '  net.ipv4.ip_local_port_range =\t1  2 ')],
      'net.ipv4.ip_local_port_range',
      '1 2 /etc/sysctl.d/9.conf:1',
    ],
    [
      'a dot in a name',
      [f('/etc/sysctl.d/9.conf', 'net.ipv4.conf.eth0/100.forwarding = 1')],
      'net/ipv4/conf/eth0.100/forwarding',
      '1 /etc/sysctl.d/9.conf:1',
    ],
  ] as const) {
    const last = atBoot(files, key)
    t.equal(last && `${last.value} ${last.file.path}:${last.line}`, expected, what)
  }
  t.end()
})

void t.test('the files of a host', t =>
  table(t, sysctlFiles, [
    { what: 'none', args: [''], out: '\n', facts: [[]] },
    {
      what: 'a link and a file',
      args: [''],
      out: '/etc/sysctl.d/99-sysctl.conf\t/etc/sysctl.conf\n/etc/sysctl.d/a:b.conf\t\n\n/etc/sysctl.d/99-sysctl.conf:68:a=1\n/etc/sysctl.d/a:b.conf:1:  b = 2:3\n',
      facts: [
        [
          {
            path: '/etc/sysctl.d/99-sysctl.conf',
            target: '/etc/sysctl.conf',
            lines: [[68, 'a=1']],
          },
          { path: '/etc/sysctl.d/a:b.conf', target: undefined, lines: [[1, '  b = 2:3']] },
        ],
      ],
    },
    { what: 'a line of another file', args: [''], out: '/a.conf\t\n\n/b.conf:1:x\n' },
    { what: 'no number', args: [''], out: '/a.conf\t\n\n/a.conf:x\n' },
    { what: 'cut off', args: [''], out: '/a.conf\t\n' },
    { what: 'an error', args: [''], out: '\n', code: 2, err: 'grep: x\n' },
  ]),
)

const SYSTEMD = '/usr/lib/systemd/systemd-sysctl'
const KEYS = ['net.ipv4.ip_nonlocal_bind', 'net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding']
const spelled = fc.constantFrom(
  ...KEYS,
  ...KEYS.map(key => key.replaceAll('.', '/')),
  'net.ipv4.ip_non*',
  'net.ipv4.ip_[fn]or*',
  'net/ipv4/ip_forwar?',
  'net.ipv4.conf.*.forwarding',
  'net.ipv4.conf.a[!x]l.forwarding',
)
const entry = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('', '-', ' '), spelled, fc.constantFrom('=0', ' = 1', '= 1 ', '=\t0'))
      .map(p => p.join('')),
  },
  { weight: 2, arbitrary: spelled.map(key => `-${key}`) },
  fc.constantFrom('# x = 1', '; x', '', 'nonsense', 'net.ipv4.no_such = 1'),
)
const files = fc.uniqueArray(
  fc.record({
    dir: fc.constantFrom(
      '/etc/sysctl.d',
      '/run/sysctl.d',
      '/usr/local/lib/sysctl.d',
      '/usr/lib/sysctl.d',
    ),
    name: fc.constantFrom(
      '10-a.conf',
      '90-fmc.conf',
      '99-sysctl.conf',
      'Z.conf',
      'ä.conf',
      'no.txt',
    ),
    lines: fc.array(entry, { maxLength: 4 }),
    masked: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
  }),
  { maxLength: 5, selector: ({ dir, name }) => dir + name },
)

/** In namespaces of its own: the directories are empty, and the parameters are those of a network namespace. */
const ROOM = `for d in /run /usr/local/lib; do mount -t tmpfs tmpfs $d; mkdir $d/sysctl.d; done
for d in /etc/sysctl.d /usr/lib/sysctl.d; do mount -t tmpfs tmpfs $d; done
case_of() { for k in ${KEYS.map(key => key.replaceAll('.', '/')).join(' ')}; do echo "$1" >/proc/sys/$k; done; }
values() { for k in ${KEYS.map(key => key.replaceAll('.', '/')).join(' ')}; do cat /proc/sys/$k; done; }
clean() { rm -f /etc/sysctl.d/* /run/sysctl.d/* /usr/local/lib/sysctl.d/* /usr/lib/sysctl.d/*; }`
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const possible = existsSync(SYSTEMD) && spawnSync('unshare', ['-mn', 'true']).status === 0
void t.test(
  'as systemd-sysctl does',
  { skip: !possible && 'no systemd-sysctl, or no namespaces' },
  t => {
    const cases = fc.sample(fc.record({ files, first: fc.constantFrom('0', '1') }), {
      numRuns: 300,
      seed: 20261130,
    })
    const script = cases.map(
      ({ files, first }) => `clean
${files.map(({ dir, name, lines, masked }) => (masked ? `ln -s /dev/null ${dir}/${name}` : `printf '%s\\n' ${lines.map(quoted).join(' ')} >${dir}/${name}`)).join('\n')}
case_of ${first}
${SYSTEMD} 2>/dev/null || :
values
echo --
${sysctlFiles.script([''], '')}
echo ==`,
    )
    const { stdout, stderr } = spawnSync('unshare', ['-mn', 'sh'], {
      input: `${ROOM}\n${script.join('\n')}`,
      encoding: 'utf8',
      env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    const answers = stdout.split('==\n').slice(0, -1)
    t.equal(answers.length, cases.length, stderr)
    let decided = 0
    answers.forEach((answer, i) => {
      const [values = '', listed = ''] = answer.split('--\n')
      const [found] = sysctlFiles.parse({ out: listed, err: '', code: 0 }, [''], '')
      const first = cases[i]?.first
      const mine = KEYS.map(key => {
        const last = found === 'unknown' ? undefined : atBoot(found ?? [], key)
        if (last) decided++
        return last?.value ?? first
      })
      const same = mine.join() === values.trim().split('\n').join()
      if (!same)
        t.strictSame(mine, values.trim().split('\n'), `${JSON.stringify(cases[i])}\n${listed}`)
    })
    t.ok(decided > 300, `${decided} parameters were set`)
    t.end()
  },
)

void t.test('a dry run says which line would win at the next boot', async t => {
  const hosts = new Hosts(t)
  // The host's /etc is that of this machine: a program of the host answers for the files.
  hosts.program('a', 'readlink', 'echo /etc/sysctl.conf')
  hosts.program(
    'a',
    'grep',
    `case "$*" in *asHn*) printf '%s:%s\\n' "$4" '68:net.ipv4.ip_nonlocal_bind=0' ;; *) exec /usr/bin/grep "$@" ;; esac`,
  )
  hosts.write('a', 'run/sysctl.d/99-last.conf', 'x')
  const wanted = () => sysctl('net.ipv4.ip_nonlocal_bind', 1)
  const dry = { dryRun: true, limit: 'a' }
  const want = (spec: PackageSpec) => one(tasks(() => packages(spec)))
  const refused = await hosts.run([one(tasks(wanted))], dry)
  t.equal(refused.code, 2)
  t.match(refused.failures, [
    /after a reboot net\.ipv4\.ip_nonlocal_bind would be 0, not 1: \/\S+:68 .*says "net\.ipv4\.ip_nonlocal_bind=0", and systemd-sysctl reads it after \/etc\/sysctl\.d\/90-fmc-net\.ipv4\.ip_nonlocal_bind\.conf/,
  ])
  const failure = refused.tasks.find(e => e.failure)?.failure
  t.match(failure?.hint, /fmc run a -- sed -i '68s\/\^\/# \/' \/\S+$/)
  t.match(
    await hosts.run([want('bash'), one(tasks(wanted))], dry),
    { code: 2 },
    'packages set no parameter',
  )
  for (const [what, before] of [
    ['the file itself', () => file('/etc/sysctl.d/99-last.conf', { content: '# nothing\n' })],
    ['a command', () => $`sed -i d /etc/sysctl.conf`],
  ] as const)
    t.match(
      await hosts.run([one(tasks(before)), one(tasks(wanted))], dry),
      { code: 0 },
      `${what} may mend it`,
    )
  t.match(
    (await hosts.run([one(tasks(() => sysctl('net.ipv4.ip_nonlocal_bind', 0)))], dry)).code,
    0,
    'the same value',
  )
})
