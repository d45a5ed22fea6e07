import t from 'tap'
import { block, mount } from '../../lib/facts/storage.ts'
import { ask } from '../../lib/facts/index.ts'
import { facts, table } from './helpers.ts'

void t.test('mount: /proc/self/mountinfo', t =>
  table(t, mount, [
    {
      what: 'the last mount counts, escapes are undone, optional fields are skipped',
      args: ['/a b', '/b', '/none'],
      out:
        '1 0 8:1 / /b rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n' +
        '2 0 8:1 / /b ro - xfs /dev/sdb rw\n' +
        '3 0 0:9 / /a\\040b rw - nfs4 s:/x\\011y rw\n',
      facts: [
        { source: 's:/x\ty', type: 'nfs4', options: ['rw'] },
        { source: '/dev/sdb', type: 'xfs', options: ['ro'] },
        null,
      ],
    },
    { what: 'no file system', args: ['/a'], out: '1 0 8:1 / /a rw\n' },
    { what: 'no path', args: ['/a'], out: 'cat: error - on it\n' },
    { what: 'cut off', args: ['/a'], out: '1 0 8:1 / /a rw - ext4 /dev/s' },
    { what: 'unreadable', args: ['/a'], out: '', code: 1 },
  ]),
)

void t.test('block: blkid', t =>
  table(t, block, [
    { what: 'no device', args: ['/dev/x'], out: 'absent\n', facts: [null] },
    { what: 'blank', args: ['/dev/x'], out: '2 \n', facts: [{ type: null, label: null }] },
    {
      what: 'a file system',
      args: ['/dev/x'],
      out: '0 DEVNAME=/dev/x\tLABEL=data\tUUID=1-2\tTYPE=ext4\tUSAGE=filesystem\n',
      facts: [{ type: 'ext4', label: 'data' }],
    },
    {
      what: 'a partition table',
      args: ['/dev/x'],
      out: '0 DEVNAME=/dev/x\tPTTYPE=gpt\n',
      facts: [{ type: 'gpt', label: null }],
    },
    {
      what: 'a blank partition',
      args: ['/dev/x'],
      out: '0 DEVNAME=/dev/x\tPART_ENTRY_SCHEME=gpt\tPART_ENTRY_NUMBER=1\n',
      facts: [{ type: null, label: null }],
    },
    {
      what: 'a signature without a name',
      args: ['/dev/x'],
      out: '0 DEVNAME=/dev/x\tUSAGE=raid\n',
      facts: [{ type: 'unknown', label: null }],
    },
    { what: 'several at once are not blank', args: ['/dev/x'], out: '8 \n' },
    { what: 'no blkid', args: ['/dev/x'], out: '127 \n' },
    { what: 'nonsense', args: ['/dev/x'], out: '0 hello\n' },
    { what: 'nothing at all', args: ['/dev/x'], out: '' },
  ]),
)

void t.test('this machine', t => {
  t.match(facts(ask('mount', '/proc'), ask('mount', '/no/such'), ask('block', '/dev/null')), [
    { type: 'proc' },
    null,
    null,
  ])
  t.end()
})
