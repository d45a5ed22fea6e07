import t from 'tap'
import { parseIni, shellWords } from '../../lib/import/ini.ts'
import { UsageError } from '../../lib/errors.ts'

const values = (vars: ReadonlyMap<string, { value: unknown }> | undefined) =>
  Object.fromEntries([...(vars ?? [])].map(([key, { value }]) => [key, value]))

void t.test('hosts, ranges, ports, groups of groups, variables', t => {
  const { groups, hosts } = parseIni(
    [
      'lonely',
      '[web]   # the front',
      'web[01:03].example.com:2222 weight=5 tags="[\'a\', \'b\']" note="two words"',
      '; a comment',
      'db-[a:b] ansible_port=44',
      '[2001:db8::7]:22',
      '[site:children]',
      'web # comes later too',
      'spare',
      '[spare]',
      '[site:vars]',
      'motd = hello # there',
      'flag=True',
      'password=03#pa=33',
    ].join('\n'),
    'hosts',
  )
  t.same([...hosts.keys()].slice(0, 4), [
    'lonely',
    ...['web01.example.com', 'web02.example.com', 'web03.example.com'],
  ])
  t.same([...(groups.get('web')?.hosts ?? [])].slice(3), ['db-a', 'db-b', '2001:db8::7'])
  t.same([...(groups.get('ungrouped')?.hosts ?? [])], ['lonely'])
  t.same([...(groups.get('site')?.children ?? [])], ['web', 'spare'])
  t.same(values(hosts.get('web02.example.com')?.inline), {
    ...{ ansible_port: 2222, weight: 5, tags: ['a', 'b'], note: 'two words' },
  })
  t.same(values(hosts.get('db-a')?.inline), { ansible_port: 44 })
  t.same(values(groups.get('site')?.inline), {
    ...{ motd: 'hello # there', flag: true, password: '03#pa=33' },
  })
  t.equal(groups.get('site')?.inline.get('flag')?.line, 13)
  t.end()
})

void t.test('words of a host line', t => {
  const place = { file: 'hosts', line: 1 }
  for (const [line, words] of [
    ['a b=c', ['a', 'b=c']],
    ['a  b="c d" # e', ['a', 'b=c d']],
    ['a b=\'c "d"\'', ['a', 'b=c "d"']],
    ['a b=c#d e', ['a', 'b=c']],
    ['a b="c#d"', ['a', 'b=c#d']],
    ['a b="\\"q\\" \\n"', ['a', 'b="q" \\n']],
    ['a b=c\\ d', ['a', 'b=c d']],
    ['a b=""', ['a', 'b=']],
  ] as const)
    t.same(shellWords(line, place), words, line)
  t.end()
})

void t.test('what Ansible refuses is refused, with the line and without the value', t => {
  for (const [text, message] of [
    ['[web', /^hosts:1: a host is expected here/],
    ['[a b]', /^hosts:1: a section needs a name without blanks/],
    ['[a:groups]', /^hosts:1: \[a:groups\]: expected :children or :vars/],
    ['[a:vars]\nx=1', /^hosts:1: there is no group \[a\]/],
    ['[a:children]\nb', /^hosts:2: there is no group \[b\]/],
    ['[a]\n[a:vars]\nx', /^hosts:3: expected key=value/],
    ['web1 hunter2', /^hosts:1: expected key=value after web1$/],
    ['web1 x="hunter2', /^hosts:1: a quote is not closed/],
    ['web[1:2', /^hosts:1: a host is expected here: the range/],
    ['web[c:a]', /^hosts:1: the range \[c:a\] has no members/],
    ['web[1:x]', /^hosts:1: the range \[1:x\] is neither of numbers nor of letters/],
    ['web[01:3]', /^hosts:1: the range \[01:3\]: both ends need the same number of digits/],
    ['web[1:]', /^hosts:1: the range \[1:\] does not say where it ends/],
    ['web[1:9:0]', /^hosts:1: the range \[1:9:0\] has no step/],
    ['web[1]', /^hosts:1: the range \[1\] is not/],
    ['x=hunter2', /^hosts:1: a host is expected before key=value/],
    ['a v={[1]}', /^hosts:1: a list or a map as a key/],
    ['all:', /^hosts:1: a host is expected here/],
    ['---', /^hosts:1: a host is expected here/],
  ] as const)
    t.throws(() => parseIni(text, 'hosts'), { name: 'UsageError', message }, text)
  t.throws(() => parseIni('web1 x="hunter2', 'hosts'), UsageError)
  t.end()
})
