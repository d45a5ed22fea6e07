import t from 'tap'
import { askVolumes, fullVolumes, withVolumes } from '../../lib/engine/host/full.ts'
import { TaskError } from '../../lib/errors.ts'
import { ask } from '../../lib/facts/index.ts'
import type { PlannedChange } from '../../lib/resources/scope.ts'
import type { Session } from '../../lib/ssh/types.ts'
import { run } from '../rig/lab.ts'

const VAR = '/dev/vda3 ext4 0 2097152 90000 131072 /var'
const ROOT = '/dev/vda1 ext4 9000000 20000000 90000 131072 /'
const SPOOL = '/dev/vdb xfs 500000 900000 0 131072 /var/spool'
const ISO = '/dev/sr0 iso9660 0 700000 0 0 /media/cd'
const SMALL = 'tmpfs tmpfs 60 64 100 101 /srv/full'
const BTRFS = '/dev/vdc btrfs 0 9000000 - - /data'

void t.test('which file systems are full', t => {
  const rows: [string, near: string[], all: string[], string[]][] = [
    ['that of the path', [VAR], [ROOT, VAR], ['/var']],
    ['another one: fmc keeps marks in /var', [ROOT], [ROOT, VAR], ['/var']],
    ['no inodes', [ROOT], [ROOT, SPOOL], ['/var/spool']],
    ['read-only ones are always full', [ROOT], [ROOT, ISO], ['/']],
    ['room came back when the new file was removed', [SMALL], [ROOT, SMALL], ['/srv/full']],
    ['btrfs counts no inodes', [ROOT], [BTRFS], ['/data']],
    ['quota: none is full', [ROOT, ROOT], [ROOT], ['/']],
    ['garbage', ['\u001b[2J'], ['what? /', 'tmpfs tmpfs 0 1 1 1 /a\u001b[2J'], []],
    ['garbage without end', [`a${' '.repeat(30_000)}`], ['a '.repeat(15_000), VAR], ['/var']],
    [
      'a path of the greatest length',
      [`/dev/vdd ext4 0 90000 1 9 /${'a'.repeat(4000)}`],
      [],
      [`/${'a'.repeat(4000)}`],
    ],
    ['a line that is longer', [VAR], [`/dev/vdd ext4 0 90000 1 9 /${'a'.repeat(5000)}`], ['/var']],
    ['nothing', [], [], []],
  ]
  for (const [title, near, all, expected] of rows) {
    const answer = [...near, '', ...all, ''].join('\n')
    t.strictSame(
      fullVolumes(answer).map(v => v.mount),
      expected,
      title,
    )
  }
  t.end()
})

void t.test('the error names them, and a command', async t => {
  const change: PlannedChange = {
    what: 'content',
    factsAfter: [[ask('path', '/var/lib/app/data'), 'unknown']],
  }
  let asked = ''
  const session = (stdout: string): Pick<Session, 'run'> => ({
    run: script => {
      asked = script
      return Promise.resolve({ code: 0, stdout, stderr: '' })
    },
  })
  const told = (message: string, stdout: string, output?: string) =>
    withVolumes(new TaskError(message, { output }), 'db1', session(stdout), [change])

  const full = `${VAR}\n\n${ROOT}\n${VAR}\n`
  t.match(await told('No space left on device (exit code 74)', full), {
    message:
      'No space left on device (exit code 74); /var (ext4 on /dev/vda3) has 0 KiB left of 2048 MiB',
    hint: "fmc run db1 -- 'du -xh /var | sort -h | tail -20'   # shows what fills it; make room, then run again",
  })
  t.match(asked, /\/var\/lib\/app\b/, 'the directory of the path is asked')
  t.match(await told('No space left on device', `\n${SPOOL}\n`), {
    message: /\/var\/spool \(xfs on \/dev\/vdb\) has no inodes left: 131072 files are in use$/,
    hint: /du -x --inodes \/var\/spool/,
  })
  for (const [message, output] of [
    ["E: You don't have enough free space in /var/cache/apt/archives/. (exit code 100)", ''],
    [
      'exit code 1',
      'Error Summary\nDisk Requirements:\n   At least 12MB more space needed on the / filesystem.',
    ],
    ['short write (exit code 74)', ''],
    ['exit code 1', 'write /var/x: disk quota exceeded'],
    ['printf: I/O error (exit code 1)', ''],
  ] as const)
    t.match((await told(message, full, output)).message, '; /var (ext4', `${message} ${output}`)
  t.match(await told('No space left on device', ''), {
    message: 'No space left on device',
    hint: "fmc run db1 -- 'df -h; df -i'   # shows which file system is full; make room, then run again",
  })
  for (const [message, stdout] of [
    ['permission denied', full],
    ['Input/output error', `${ROOT}\n\n${ROOT}\n`],
  ] as const)
    t.strictSame((await told(message, stdout)).message, message, 'another error stays as it is')
})

void t.test('real file systems', async t => {
  const script = `mount -t tmpfs -o size=64k full /mnt; mkdir '/mnt/a b'
mount -t tmpfs -o nr_inodes=2,size=64k few /mnt/a\\ b; : >'/mnt/a b/one'
head -c 64k /dev/zero >/mnt/big 2>/dev/null || :
${askVolumes(['/mnt/a b/none/at/all', '/mnt', '/nowhere'])}`
  const { stdout, stderr } = await run(['unshare', '-m', 'sh', '-ec', script])
  t.equal(stderr, '')
  const found = fullVolumes(stdout)
  t.strictSame(
    found.slice(0, 2).map(v => [v.mount, v.freeKb, v.freeInodes === 0]),
    [
      ['/mnt/a b', 64, true],
      ['/mnt', 0, false],
    ],
  )
})
