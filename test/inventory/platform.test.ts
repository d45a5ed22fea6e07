// Which row of a role's table a host gets: by version, by family, with os_unsupported, and by what the host says that it is.
import { join } from 'node:path'
import t from 'tap'
import { os as osFamily } from '../../lib/facts/os.ts'
import { role, z, type Os } from '../../lib/index.ts'
import { lint } from '../../lib/inventory/lint.ts'
import { platformOf, platformOnHost, type Platforms } from '../../lib/inventory/platform.ts'
import { Hosts, one } from '../engine/hosts.ts'
import { table } from '../facts/helpers.ts'
import { ROOT } from '../rig/lab.ts'

const FAMILIES: Readonly<Record<string, Os['family']>> = {
  debian: 'debian',
  ubuntu: 'debian',
  flatcar: 'flatcar',
}
const os = (text: string): Os => {
  const [name = '', version] = text.split(' ')
  return { name: name as Os['name'], family: FAMILIES[name] ?? 'el', version }
}
const VERSIONS = { 'debian 12': 'd12', 'debian 13': 'd13', 'ubuntu 24.04': 'u24', 'el 9': 'e9' }
const FAMILY = { debian: 'deb', 'debian 13': 'd13' }

void t.test('the row of a version, of a family, of the nearest version', t => {
  const row = (rows: Platforms<string>, system: string, osUnsupported?: 'allow'): string => {
    try {
      return platformOf('r', rows, { name: 'h', os: os(system), osUnsupported })
    } catch (error) {
      return (error as Error).message
    }
  }
  const no = (system: string) =>
    `role r is not supported on ${system} (h); supported: debian 12, debian 13, ubuntu 24.04, almalinux 9, rocky 9`
  for (const [system, strict, allowed] of [
    ['debian 12', 'd12', 'd12'],
    ['debian 12.5', 'd12', 'd12'],
    ['debian 13', 'd13', 'd13'],
    ['debian 11', no('debian 11'), 'd12'],
    ['debian 14', no('debian 14'), 'd13'],
    ['debian 1', no('debian 1'), 'd12'],
    ['debian', 'd12', 'd12'],
    ['ubuntu 24.04', 'u24', 'u24'],
    ['ubuntu 24.04.3', 'u24', 'u24'],
    ['ubuntu 22.04', no('ubuntu 22.04'), 'u24'],
    ['ubuntu 24.10', no('ubuntu 24.10'), 'u24'],
    ['ubuntu 24', no('ubuntu 24'), 'u24'],
    ['almalinux 9.5', 'e9', 'e9'],
    ['rocky 9', 'e9', 'e9'],
    ['almalinux 10', no('almalinux 10'), 'e9'],
    ['rocky 8.10', no('rocky 8.10'), 'e9'],
    ['flatcar', no('flatcar'), no('flatcar')],
  ] as const) {
    t.equal(row(VERSIONS, system), strict, system)
    t.equal(row(VERSIONS, system, 'allow'), allowed, `${system}, allowed`)
  }
  t.equal(row(FAMILY, 'debian 11'), 'deb', 'a row of a family is for every version')
  t.equal(row(FAMILY, 'ubuntu 22.04'), 'deb', 'and for Ubuntu')
  t.equal(row(FAMILY, 'debian 13'), 'd13', 'that of a version precedes it')
  t.equal(row({ 'debian 12': 'd12' }, 'ubuntu 24.04', 'allow'), 'd12')
  t.end()
})

void t.test('what the host says that it is', t => {
  const row = (
    system: string,
    id: string,
    version: string,
    more: { platform?: string; osUnsupported?: 'allow' } = {},
  ): string => {
    const { platform = '', osUnsupported } = more
    try {
      return platformOnHost(
        'r',
        VERSIONS,
        { name: 'h', os: os(system), osUnsupported },
        { id, version, platform },
      )
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(row('debian 12', 'debian', '12'), 'd12')
  t.equal(row('debian 12', 'debian', '13'), 'h is debian 13, not debian 12 as the inventory says')
  t.equal(
    row('debian 12', 'debian', ''),
    'h is debian, not debian 12 as the inventory says',
    'testing',
  )
  t.equal(
    row('debian 12', 'ubuntu', '24.04'),
    'h is ubuntu 24.04, not debian 12 as the inventory says',
  )
  t.equal(row('debian 12', 'debian', '13', { osUnsupported: 'allow' }), 'd12')
  t.equal(
    row('debian', 'debian', '13'),
    'd13',
    'the host tells the version that the inventory does not',
  )
  t.match(row('debian', 'debian', '11'), /^role r is not supported on debian 11 \(h\)/)
  t.match(row('ubuntu', 'ubuntu', '22.04'), /^role r is not supported on ubuntu 22\.04 \(h\)/)
  t.equal(row('ubuntu 24.04', 'ubuntu', '24.04'), 'u24')
  t.equal(row('rocky 9.5', 'rocky', '9.7'), 'e9', 'an update')
  t.equal(row('rocky 9.5', 'almalinux', '9.5'), 'e9', 'the same row')
  t.equal(row('rocky 9.5', 'centos', '9', { platform: 'platform:el9' }), 'e9', 'a rebuild')
  t.match(row('rocky 9.5', 'rocky', '10.1'), /^h is rocky 10\.1, not rocky 9\.5/)
  t.end()
})

void t.test('os-release', t =>
  table(t, osFamily, [
    {
      what: 'Debian',
      args: [''],
      out: 'debian\n"12"\n\n',
      facts: [{ id: 'debian', version: '12', platform: '' }],
    },
    {
      what: 'EL',
      args: [''],
      out: '"rocky"\n"9.5"\n"platform:el9"\n',
      facts: [{ id: 'rocky', version: '9.5', platform: 'platform:el9' }],
    },
    { what: 'no file', args: [''], out: 'none\n', facts: [null] },
    {
      what: 'no id',
      args: [''],
      out: '\n\n\n',
      facts: [{ id: 'linux', version: '', platform: '' }],
    },
    { what: 'something else', args: [''], out: '$(id)\n1\n\n' },
    { what: 'too little', args: [''], out: 'debian\n' },
    { what: 'cut off', args: [''], out: 'debian' },
  ]),
)

const inventoryOf = (
  system: string,
  more: { top?: string; host?: string; group?: string; all?: string } = {},
): Buffer =>
  Buffer.from(`timezone: UTC
domain: test.internal
${more.top ?? ''}
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
all: { vars: {}${more.all ?? ''} }
groups: { infra: { hosts: [h]${more.group ?? ''} } }
hosts:
  h:
    os: ${system}
    nics: [{ network: lan, address: 10.0.0.10 }]
${more.host ?? ''}
`)

void t.test(
  'lint: a version without a row is an error with its place, unless the inventory allows it',
  async t => {
    const { default: chrony } = (await import(join(ROOT, 'roles/coredns-chrony/index.ts'))) as {
      default: { name: string; platforms: Platforms<unknown> }
    }
    const errors = async (text: Buffer): Promise<string[]> =>
      (
        await lint('/inventory.yaml', {
          text,
          roles: [
            { role: chrony.name, hosts: ['h'], vars: z.object({}), platforms: chrony.platforms },
          ],
        })
      )
        .filter(p => p.severity === 'error')
        .map(p => `${p.line}:${p.column} ${p.message} | ${p.hint}`)
    for (const system of [
      'debian 12',
      'debian 13',
      'ubuntu 24.04',
      'almalinux 9.5',
      'rocky 9.6',
      'debian',
      'rocky',
    ])
      t.strictSame(await errors(inventoryOf(system)), [], system)
    for (const system of [
      'almalinux 10',
      'rocky 8.10',
      'ubuntu 22.04',
      'debian 11',
      'debian 14',
      'ubuntu 25.04',
    ]) {
      t.match(
        await errors(inventoryOf(system)),
        [
          new RegExp(
            `^9:9 role coredns-chrony is not supported on ${system.replace('.', '\\.')} \\(h\\); supported: debian 12, debian 13, ubuntu 24\\.04, almalinux 9, rocky 9 \\| .*os_unsupported: allow`,
          ),
        ],
        system,
      )
      const allow = 'os_unsupported: allow'
      for (const more of [
        { top: allow },
        { host: `    ${allow}` },
        { group: `, ${allow}` },
        { all: `, ${allow}` },
      ])
        t.strictSame(
          await errors(inventoryOf(system, more)),
          [],
          `${system} ${Object.keys(more).join()}`,
        )
    }
    t.match(await errors(inventoryOf('debian 12', { top: 'os_unsupported: yes' })), [
      /os_unsupported: .*allow/,
    ])
  },
)

void t.test('a run on a host that is another system than the inventory says', async t => {
  const host = (name: string, last: number, system: string, more = '') =>
    `  ${name}: { os: ${system}, ${more}nics: [{ network: lan, address: 10.0.0.2${last} }] }\n`
  const hosts = new Hosts(
    t,
    {},
    host('newer', 0, 'debian 99') +
      host('other', 1, 'flatcar') +
      host('allowed', 2, 'debian 99', 'os_unsupported: allow, ') +
      host('unsaid', 3, 'debian'),
  )
  const seen: string[] = []
  hosts.write('newer', 'srv/there', '')
  const system = (await hosts.sh('newer', '. /etc/os-release; echo $ID $VERSION_ID')).stdout.trim()
  const r = role({
    name: 'versions',
    summary: 'for a test',
    vars: z.object({}),
    platforms: {
      [system]: 'this machine',
      'debian 99': '99',
      flatcar: 'flatcar',
    },
    tasks({ host, platform }) {
      seen.push(`${host.name} ${platform}`)
      return Promise.resolve()
    },
  })
  const ran = await hosts.run([one(r, { hosts: 'newer,other,allowed,unsaid' })])
  t.equal(ran.code, 2)
  t.strictSame([...ran.failures].sort(), [
    `newer: newer is ${system}, not debian 99 as the inventory says`,
    `other: other is ${system}, not flatcar as the inventory says`,
  ])
  t.strictSame([...new Set(seen)].sort(), ['allowed 99', 'unsaid this machine'])
})
