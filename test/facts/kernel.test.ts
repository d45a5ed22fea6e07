import t from 'tap'
import { module, procFile, sysctl } from '../../lib/facts/kernel.ts'
import { ask } from '../../lib/facts/index.ts'
import { facts, table } from './helpers.ts'

void t.test('the file of a kernel parameter (sysctl.d(5))', t => {
  for (const [key, file] of [
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward'],
    ['net.ipv4.conf.eth0/100.forwarding', 'net/ipv4/conf/eth0.100/forwarding'],
    ['net/ipv4/conf/eth0.100/forwarding', 'net/ipv4/conf/eth0.100/forwarding'],
  ] as const)
    t.equal(procFile(key), `/proc/sys/${file}`, key)
  t.end()
})

void t.test('sysctl', t =>
  table(t, sysctl, [
    { what: 'a value', args: ['a.b'], out: '/proc/sys/a/b:1\n', facts: ['1'] },
    {
      what: 'tabs are blanks',
      args: ['a.b'],
      out: '/proc/sys/a/b:1024\t65535\n',
      facts: ['1024 65535'],
    },
    { what: 'a colon in a value', args: ['a.b'], out: '/proc/sys/a/b:x:y\n', facts: ['x:y'] },
    { what: 'none', args: ['a.b'], out: '', facts: [null] },
    { what: 'an error', args: ['a.b'], out: 'grep: /proc/sys/a/b: Input/output error\n' },
    { what: 'cut off', args: ['a.b'], out: '/proc/sys/a/b:1' },
    { what: 'no grep', args: ['a.b'], out: '', code: 1 },
  ]),
)

void t.test('module', t =>
  table(t, module, [
    { what: 'both', args: ['a', 'b'], out: '1\n0\n', facts: [true, false] },
    { what: 'something else', args: ['a'], out: '2\n' },
    { what: 'too little', args: ['a', 'b'], out: '1\n' },
    { what: 'too much', args: ['a'], out: '1\n0\n' },
  ]),
)

void t.test('this machine', t => {
  t.match(
    facts(
      ask('sysctl', 'kernel.ostype'),
      ask('sysctl', 'kernel.no_such'),
      ask('sysctl', 'net.ipv4.ip_local_port_range'),
    ),
    ['Linux', null, /^\d+ \d+$/],
  )
  t.strictSame(facts(ask('module', 'no_such-module')), [false])
  t.end()
})
