// Which facts the record of a run keeps.
import t from 'tap'
import { recordedFacts } from '../../lib/engine/host/recorded-facts.ts'
import { ask, keyOf, Refused, type Query } from '../../lib/facts/index.ts'

void t.test('what a host is, never what is in its files or what commands print', t => {
  const known = (query: Query, fact: unknown): { key: string; fact: unknown } => ({
    key: keyOf(query),
    fact,
  })
  t.same(
    recordedFacts([
      known(ask('os', ''), { name: 'debian' }),
      known(ask('deb', 'libc6:amd64'), '2.36'),
      known(ask('unit', 'k3s.service'), { active: true }),
      known(ask('sysctl', 'net.ipv4.ip_forward'), '1'),
      known(ask('user', 'postgres'), new Refused('why')),
      known(ask('content', '/etc/app.conf'), Buffer.from('password')),
      known(ask('sha', '/etc/app.conf'), 'ab12'),
      known(ask('line', '/etc/app.conf\0password=x'), true),
      known(ask('command', 'cat /etc/app.conf'), { out: 'password' }),
      known(ask('link', '/etc/app'), 'password'),
      known(ask('pending', '/var/lib/fmc/pending/app'), []),
    ]),
    {
      os: { name: 'debian' },
      'deb libc6:amd64': '2.36',
      'unit k3s.service': { active: true },
      'sysctl net.ipv4.ip_forward': '1',
    },
  )
  t.end()
})
