import t from 'tap'
import { group, user } from '../../lib/facts/account.ts'
import { ask } from '../../lib/facts/index.ts'
import { facts, table } from './helpers.ts'

const root = { uid: 0, gid: 0, home: '/root', shell: '/bin/bash' }

void t.test('user: the answers of getent', t =>
  table(t, user, [
    { what: 'there', args: ['root'], out: 'root:x:0:0:root:/root:/bin/bash\n', facts: [root] },
    {
      what: 'one missing',
      args: ['no', 'root'],
      out: 'root:x:0:0:root:/root:/bin/bash\n',
      code: 2,
      facts: [null, root],
    },
    { what: 'none', args: ['no'], out: '', code: 2, facts: [null] },
    {
      what: 'no home, no shell',
      args: ['a'],
      out: 'a:x:1:2:::\n',
      facts: [{ uid: 1, gid: 2, home: '', shell: '' }],
    },
    { what: 'nothing, and it says it is fine', args: ['root'], out: '' },
    {
      what: 'all there, and it says one is missing',
      args: ['root'],
      out: 'root:x:0:0:root:/root:/bin/bash\n',
      code: 2,
    },
    { what: 'another one', args: ['root'], out: 'toor:x:0:0:root:/root:/bin/bash\n', code: 2 },
    { what: 'a field too few', args: ['root'], out: 'root:x:0:0:root:/root\n' },
    { what: 'a uid that is no number', args: ['root'], out: 'root:x:0x0:0:root:/root:/bin/bash\n' },
    { what: 'a gid that is no number', args: ['root'], out: 'root:x:0::root:/root:/bin/bash\n' },
    { what: 'a gid beyond 32 bits', args: ['a'], out: 'a:x:1:4294967296:::\n' },
    { what: 'cut off', args: ['root'], out: 'root:x:0:0:root:/root:/bin/ba' },
    { what: 'a missing program', args: ['root'], out: '', code: 127 },
    { what: 'a broken one', args: ['root'], out: '', code: 1, err: 'Unknown database' },
  ]),
)

void t.test('group: the answers of getent', t =>
  table(t, group, [
    {
      what: 'with members and without',
      args: ['a', 'b'],
      out: 'a:x:1:x,y\nb:x:2:\n',
      facts: [
        { gid: 1, members: ['x', 'y'] },
        { gid: 2, members: [] },
      ],
    },
    { what: 'a passwd line', args: ['a'], out: 'a:x:0:0:root:/root:/bin/bash\n' },
  ]),
)

void t.test('this machine', t => {
  t.match(
    facts(ask('user', 'root'), ask('user', 'no-such'), ask('group', 'root'), ask('group', '-x')),
    [{ uid: 0, home: '/root' }, null, { gid: 0 }, null],
  )
  t.end()
})
