import t from 'tap'
import { UsageError } from '../../lib/errors.ts'
import { expandRanges, matchHosts, matchNames, splitPattern } from '../../lib/inventory/patterns.ts'
import type { Host, Inventory } from '../../lib/inventory/types.ts'

const HOSTS = [
  'web1',
  'web2',
  'web3',
  'db1',
  'db2',
  'n1',
  'n2',
  'n3',
  'n10',
  'rack01',
  'rack02',
  'a-x',
]
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  all: HOSTS,
  webservers: ['web1', 'web2', 'web3'],
  dbservers: ['db1', 'db2'],
  staging: ['web1', 'db1', 'n1'],
  phoenix: ['web3', 'db2'],
  dc1: ['web1', 'web2', 'n3', 'db1'],
  empty: [],
}
const inventory = {
  hosts: new Map(HOSTS.map(name => [name, { name } as Host])),
  groups: new Map(Object.entries(GROUPS)),
} as unknown as Inventory

// The forms of Ansible's guide "Patterns: targeting hosts and groups", and what it says of them.
const MATCHES: readonly [pattern: string, hosts: string][] = [
  ['all', HOSTS.join(' ')],
  ['*', HOSTS.join(' ')],
  ['web1', 'web1'],
  ['web1:db1', 'web1 db1'],
  ['web1,db1', 'web1 db1'],
  ['db1,web1', 'web1 db1'],
  [' web1 , db1 ', 'web1 db1'],
  ['web1,,db1,', 'web1 db1'],
  ['webservers', 'web1 web2 web3'],
  ['webservers:dbservers', 'web1 web2 web3 db1 db2'],
  ['webservers:!phoenix', 'web1 web2'],
  ['webservers,!phoenix', 'web1 web2'],
  ['!phoenix:webservers', 'web1 web2'],
  ['webservers:&staging', 'web1'],
  ['&staging:webservers', 'web1'],
  ['webservers:dbservers:&staging:!phoenix', 'web1 db1'],
  ['webservers:&dc1:!web2', 'web1'],
  ['!webservers', 'db1 db2 n1 n2 n3 n10 rack01 rack02 a-x'],
  ['&staging', 'web1 db1 n1'],
  ['all:!all', ''],
  ['webservers:!web1:web1', 'web2 web3'],
  ['&staging:&dc1', 'web1 db1'],
  ['web*', 'web1 web2 web3'],
  ['*servers', 'web1 web2 web3 db1 db2'],
  ['n?', 'n1 n2 n3'],
  ['n[13]', 'n1 n3'],
  ['n[!1]', 'n2 n3'],
  ['*1', 'web1 db1 n1 rack01 web2 n3'],
  ['web*:!*2', 'web1 web3'],
  ['nothing*', ''],
  ['~(web|db)1', 'web1 db1'],
  ['~n\\d+$', 'n1 n2 n3 n10'],
  ['~eb', ''],
  ['~db', 'db1 db2'],
  ['webservers[0]', 'web1'],
  ['webservers[-1]', 'web3'],
  ['webservers[-2]', 'web2'],
  ['webservers[0:1]', 'web1 web2'],
  ['webservers[0-1]', 'web1 web2'],
  ['webservers[1:]', 'web2 web3'],
  ['webservers[7]', ''],
  ['webservers[0:99]', 'web1 web2 web3'],
  ['web*[1]', 'web2'],
  ['all[0:1]', 'web1 web2'],
  ['n[1:3]', 'n1 n2 n3'],
  ['n[1:3:2]', 'n1 n3'],
  ['rack[01:02]', 'rack01 rack02'],
  ['n[1:3],db1', 'db1 n1 n2 n3'],
  ['webservers:!web[1:2]', 'web3'],
  ['empty', ''],
]
for (const [pattern, wanted] of MATCHES) {
  const found = matchHosts(inventory, pattern).map(host => host.name)
  const expected = wanted.split(' ').filter(Boolean)
  t.same(
    found,
    HOSTS.filter(name => expected.includes(name)),
    `matches ${pattern}`,
  )
}

const REFUSED: readonly [pattern: string, message: RegExp, hint?: string][] = [
  ['', /is empty/],
  [' , ', /is empty/],
  ['webserver', /no host or group is called webserver$/, 'did you mean webservers?'],
  ['all:!wbe1', /called wbe1/, 'did you mean web1?'],
  ['all:&dc2', /called dc2/, 'did you mean dc1?'],
  ['n[1:4]', /called n4 \(from n\[1:4\]\)/],
  ['x[1:2]', /called x1 \(from x\[1:2\]\)/],
  ['~(web', /not a valid expression/],
  ['n[3:1]', /has no members/],
  ['n[1:99999999]', /n\[1:99999999\] stands for 99,999,999 names, more than 10,000$/],
  ['w[1:999][1:999][1:999]', /stands for 997,002,999 names/],
  ['w[1:101][1:101]', /stands for 10,201 names/],
  ['w[00000:99999]', /stands for 100,000 names/],
  [`w${'[1:99]'.repeat(40)}`, /more than 10¹⁵ names/],
  ['w[a:z][a:z][a:z]', /stands for 17,576 names/],
  ['w[1:2:0]', /has no members/],
  ['['.repeat(1e6), /longer than 32768 characters/],
  ['w[a:9]', /has no members/],
  ['w[9007199254740993:9007199254740993]', /numbers that are too large/],
  [`w[${'9'.repeat(100)}:${'9'.repeat(100)}]`, /numbers that are too large/],
  ['w[1:9007199254740991]', /stands for more than 10¹⁵ names|9,007,199,254,740,991 names/],
  [`w[${'0'.repeat(300)}:1]`, /longer than 255/],
  [`${'w'.repeat(300)}[1:2]`, /longer than 255/],
  ['all:!n[1:99999999]', /stands for/],
  ['all,&n[1:99999999]', /stands for/],
  ['$(reboot)', /no host or group is called \$\(reboot\)/],
  ['__proto__', /no host or group/],
]
for (const [pattern, message, hint] of REFUSED) {
  try {
    matchNames(inventory, pattern)
    t.fail(`refuses ${pattern}`)
  } catch (error) {
    t.ok(error instanceof UsageError, `refuses ${JSON.stringify(pattern)} as a usage error`)
    t.match((error as Error).message, message)
    if (hint !== undefined) t.equal((error as UsageError).hint, hint)
  }
}

const SPLITS: readonly [string, readonly string[]][] = [
  ['a', ['a']],
  ['a, b', ['a', 'b']],
  ['a , b', ['a', 'b']],
  [' a,b ,c[1:2] ', ['a', 'b', 'c[1:2]']],
  ['foo[1:2]', ['foo[1:2]']],
  ['a:b', ['a', 'b']],
  [' a : b ', ['a', 'b']],
  ['foo:bar:baz[1:2]', ['foo', 'bar', 'baz[1:2]']],
  ['a,,b', ['a', 'b']],
  ['a:&b:!c', ['a', '&b', '!c']],
  ['', []],
]
for (const [text, wanted] of SPLITS) t.same(splitPattern(text), wanted, `splits ${text}`)

const RANGES: readonly [string, readonly string[] | undefined][] = [
  ['a', undefined],
  ['a[1:2]', ['a1', 'a2']],
  ['a[1:10:2]', ['a1', 'a3', 'a5', 'a7', 'a9']],
  ['a[a:b]', ['aa', 'ab']],
  ['a[a:i:3]', ['aa', 'ad', 'ag']],
  ['a[a:b][c:d]', ['aac', 'aad', 'abc', 'abd']],
  ['a[0:1][2:3]', ['a02', 'a03', 'a12', 'a13']],
  ['a[a:b][2:3]', ['aa2', 'aa3', 'ab2', 'ab3']],
  ['a[08:11]z', ['a08z', 'a09z', 'a10z', 'a11z']],
]
for (const [text, wanted] of RANGES) t.same(expandRanges(text), wanted, `expands ${text}`)

void t.test('no pattern takes long', t => {
  const long = 'a'.repeat(63)
  const many = {
    hosts: new Map([long, `${long.slice(1)}b`, 'x-1'].map(name => [name, {}])),
    groups: new Map<string, readonly string[]>([['all', [long]]]),
  }
  const began = performance.now()
  t.same([...matchNames(many, `${'a*'.repeat(30)}c`)], [])
  t.same([...matchNames(many, `${'*a'.repeat(30)}*b`)], [`${long.slice(1)}b`])
  t.same([...matchNames(many, `${'*'.repeat(5000)}-?`)], ['x-1'])
  t.same([...matchNames(many, 'x-[!2-9]*')], ['x-1'])
  for (const pattern of ['~(a+)+$x', '~(a|aa)+c', '~(a*)*c', 'all:!~(.*a){30}c'])
    t.throws(() => matchNames(many, pattern), { name: 'UsageError', message: /takes too long/ })
  t.ok(performance.now() - began < 60_000)
  t.same([...matchNames(many, '~x.[12]')], ['x-1'])
  t.end()
})
