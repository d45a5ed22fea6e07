import { hostname } from 'node:os'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../../lib/facts/index.ts'
import { identity, pending, system } from '../../lib/facts/system.ts'
import { facts, table } from './helpers.ts'

void t.test('identity', t =>
  table(t, identity, [
    {
      what: 'all',
      args: [''],
      out: 'a\nb\n../usr/share/zoneinfo/Europe/Madrid\n',
      facts: [{ hostname: 'a', staticHostname: 'b', timezone: 'Europe/Madrid' }],
    },
    {
      what: 'no /etc/hostname, no /etc/localtime',
      args: [''],
      out: 'a\n\n\n',
      facts: [{ hostname: 'a', staticHostname: '', timezone: '' }],
    },
    {
      what: 'a link to nowhere in particular',
      args: [''],
      out: 'a\nb\n/etc/foo\n',
      facts: [{ hostname: 'a', staticHostname: 'b', timezone: '' }],
    },
    { what: 'no name', args: [''], out: '\n\n\n' },
    { what: 'a line too many', args: [''], out: 'a\nb\nc\nd\n' },
    { what: 'cut off', args: [''], out: 'a\nb\nc' },
    { what: 'nothing', args: [''], out: '' },
  ]),
)

void t.test('pending handlers', t => {
  const dir = t.testdir({ 'reload%20a': '', 'b%2Fc': '', '100% odd': '' })
  t.strictSame(facts(ask('pending', dir)), [['100% odd', 'b/c', 'reload a']])
  t.strictSame(facts(ask('pending', `${dir}/none`)), [[]])
  writeFileSync(join(dir, '%zz'), '')
  t.match(
    facts(ask('pending', dir)),
    [new Set(['%zz'])],
    'a stray file cannot stop a run from connecting',
  )
  t.throws(() => pending.parse({ out: 'a', err: '', code: 0 }, ['/x'], ''))
  t.end()
})

const facts7 = 'uname\nx86_64\n2\n2048000 kB\nid\neth0 10.0.0.1/24,\nID=debian\nNAME="A B"\n'
void t.test('system', t =>
  table(t, system, [
    {
      what: 'all',
      args: [''],
      out: facts7,
      facts: [
        {
          os: { ID: 'debian', NAME: 'A B' },
          kernel: 'uname',
          machine: 'x86_64',
          cpus: 2,
          memoryMb: 2000,
          bootId: 'id',
          addresses: ['eth0 10.0.0.1/24'],
        },
      ],
    },
    { what: 'no /etc/os-release', args: [''], out: facts7, code: 1 },
    { what: 'no memory', args: [''], out: facts7.replace('2048000 kB', '') },
    { what: 'no processors', args: [''], out: facts7.replace('\n2\n', '\n\n') },
    { what: 'nothing', args: [''], out: '' },
  ]),
)

void t.test('this machine', t => {
  t.match(facts(ask('identity', ''), ask('system', '')), [
    { hostname: hostname() },
    { cpus: Number, kernel: String },
  ])
  t.end()
})
