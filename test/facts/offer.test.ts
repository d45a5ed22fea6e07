import t from 'tap'
import { ask, offerArg } from '../../lib/facts/index.ts'
import { debOffer, rpmOffer, type OfferFact } from '../../lib/facts/offer.ts'
import { facts, local, table } from './helpers.ts'

const head = (state: string, ...more: string[]): string =>
  ['missing a *', `lists ${state}`, ...more, 'policy', ''].join('\n')
const offer = { versions: [], candidate: null, lists: 60, unfetched: [], trouble: '' }
/** As apt 2.6 prints it; the versions with a place of /var/lib/dpkg/status are only installed, or were. */
const POLICY = `a:
  Installed: (none)
  Candidate: 1:2.0-1+b2
  Version table:
     1:2.0-1+b2 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
     1.9 500 (phased 10%)
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        500 http://security.debian.org/debian-security bookworm-security/main amd64 Packages
 *** 1.0 100
        100 /var/lib/dpkg/status
`

void t.test('debOffer: the answers of apt-cache', t =>
  table<OfferFact>(t, debOffer, [
    { what: 'installed', args: ['a *', 'b 1*'], out: '', facts: ['installed', 'installed'] },
    {
      what: 'offered',
      args: ['a *', 'b *'],
      out: head('60') + POLICY,
      facts: [{ ...offer, versions: ['1:2.0-1+b2', '1.9'], candidate: '1:2.0-1+b2' }, 'installed'],
    },
    { what: 'unknown', args: ['a *'], out: head('60'), facts: [offer] },
    {
      what: 'virtual',
      args: ['a *'],
      out: `${head('60')}a:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n`,
      facts: [offer],
    },
    {
      what: 'only installed by hand',
      args: ['a *'],
      out: `${head('60')}a:\n  Installed: 1\n  Candidate: 1\n  Version table:\n *** 1 100\n        100 /var/lib/dpkg/status\n`,
      facts: [offer],
    },
    {
      what: 'pinned away',
      args: ['a *'],
      out: `${head('60')}a:\n  Installed: (none)\n  Candidate: (none)\n  Package pin: 9\n  Version table:\n     1 -1\n        500 http://x y/z amd64 Packages\n`,
      facts: [{ ...offer, versions: ['1'] }],
    },
    { what: 'no lists', args: ['a *'], out: head('never'), facts: [{ ...offer, lists: 'never' }] },
    {
      what: 'a dead repository',
      args: ['a *'],
      out: head('60', `unfetched 'http://dead.example/debian/dists/stable/InRelease'`),
      facts: [{ ...offer, unfetched: ['http://dead.example/debian/dists/stable'] }],
    },
    {
      what: 'sources that apt cannot read',
      args: ['a *'],
      out: head('60'),
      code: 100,
      err: 'E: Malformed entry 1 in list file /etc/apt/sources.list\nE: The list of sources could not be read.\n',
      facts: [
        {
          ...offer,
          trouble:
            'E: Malformed entry 1 in list file /etc/apt/sources.list\nE: The list of sources could not be read.',
        },
      ],
    },
    { what: 'no such state', args: ['a *'], out: head('soon') },
    { what: 'two states', args: ['a *'], out: head('60', 'lists 61') },
    { what: 'another package', args: ['b *'], out: head('60') },
    { what: 'a table without a package', args: ['a *'], out: `${head('60')}  Candidate: 1\n` },
    {
      what: 'a place without a version',
      args: ['a *'],
      out: `${head('60')}a:\n        500 http://x\n`,
    },
    { what: 'other lines', args: ['a *'], out: head('60', 'x') },
    { what: 'an error', args: ['a *'], out: 'error\n' },
    { what: 'cut off', args: ['a *'], out: 'missing a *' },
  ]),
)

void t.test('rpmOffer: the answers of dnf', t =>
  table<OfferFact>(t, rpmOffer, [
    {
      what: 'offered',
      args: ['a *'],
      out: `${head('60')}a 1.0-1.el9\na 1.1-1.el9\na 1.1-1.el9\n`,
      facts: [{ ...offer, versions: ['1.0-1.el9', '1.1-1.el9'], candidate: '1.1-1.el9' }],
    },
    {
      what: 'a dead repository',
      args: ['a *'],
      out: head('60'),
      err: "Error: Cache-only enabled but no cache for 'dead'\nIgnoring repositories: dead, gone\nLast metadata expiration check: 3:40:05 ago on Mon Nov 30 06:54:41 2026.\n",
      facts: [{ ...offer, unfetched: ['dead', 'gone'] }],
    },
    {
      what: 'no dnf',
      args: ['a *'],
      out: head('60'),
      code: 127,
      err: 'sh: dnf: not found\n',
      facts: [{ ...offer, trouble: 'sh: dnf: not found' }],
    },
    { what: 'other lines', args: ['a *'], out: `${head('60')}Error!\n` },
  ]),
)

void t.test(
  'this machine',
  { skip: local('command -v apt-cache').code !== 0 && 'no apt here' },
  t => {
    const [bash, pattern, other, none] = facts(
      ask('debOffer', offerArg('bash')),
      ask('debOffer', offerArg('bash', '[0-9]*')),
      ask('debOffer', offerArg('bash', '99.*')),
      ask('debOffer', offerArg('fmc-no-such-package')),
    ) as { versions?: string[] }[]
    t.equal(bash, 'installed')
    t.equal(pattern, 'installed', 'in a version that fits')
    t.type(other?.versions, Array, 'another version is looked for')
    t.match(none, { versions: [], candidate: null, trouble: '' })
    t.strictSame(facts(ask('debOffer', offerArg('bash'))), ['installed'])
    t.end()
  },
)
