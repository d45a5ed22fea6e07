import t from 'tap'
import { withClock, wrongBy } from '../../lib/engine/host/clock.ts'
import { TaskError } from '../../lib/errors.ts'
import type { Session } from '../../lib/ssh/types.ts'

void t.test('by how much a clock is wrong', t => {
  const now = 1_790_000_000_000
  const rows: [said: string, string | undefined][] = [
    ['1790003600', '1 h ahead of'],
    ['1790003599\n', '59 min 59 s ahead of'],
    ['1789996399', '1 h behind'],
    ['1790000006', '6 s ahead of'],
    ['1790000005', undefined],
    ['1789999994', undefined],
    ['1789999993', '6 s behind'],
    ['1790090000', '1 d 1 h ahead of'],
    ['0', '20717 d 14 h behind'],
    ['', undefined],
    ['1e9', undefined],
    ['-5', undefined],
  ]
  for (const [said, expected] of rows) t.equal(wrongBy(said, now, now), expected, said)
  t.equal(wrongBy('1790000020', now, now + 20_000), undefined, 'the answer took its time')
  t.end()
})

void t.test('errors that a wrong clock explains name it', async t => {
  const host = (seconds: number): Pick<Session, 'run'> => ({
    run: () =>
      Promise.resolve({
        code: 0,
        stdout: `${Math.floor(Date.now() / 1000) + seconds}\n`,
        stderr: '',
      }),
  })
  const lost: Pick<Session, 'run'> = { run: () => Promise.reject(new Error('lost')) }
  const told = (session: Pick<Session, 'run'>, message: string, output?: string) =>
    withClock(new TaskError(message, { output, hint: 'old' }), 'db1', session)

  for (const [message, output] of [
    [
      'E: Release file for http://deb.debian.org/debian/dists/bookworm-updates/InRelease is expired (invalid since 4h 2min 1s).',
      undefined,
    ],
    [
      'E: Release file for http://x/InRelease is not valid yet (invalid for another 59min 3s).',
      undefined,
    ],
    ['exit code 60', 'curl: (60) SSL certificate problem: certificate is not yet valid'],
    [
      'tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T14:00:00Z is before 2026-11-30T15:00:00Z',
      undefined,
    ],
    [
      'exit code 1',
      'The certificate is NOT trusted. The certificate chain uses expired certificate.',
    ],
    [
      'exit code 2',
      'gpg: Signature made Mon; this key was created 3600 seconds in the future (time warp or clock problem)',
    ],
    ['kinit: Clock skew too great while getting initial credentials', undefined],
  ] as const)
    t.match(await told(host(3600), message, output), {
      message: /; its clock is (1 h|59 min 59 s|59 min 58 s) ahead of this machine's$/,
      hint: "fmc run db1 -- 'timedatectl; chronyc -n sources'   # shows which time server it follows; set the clock, then run again",
      output,
    })
  t.match(await told(host(-7200), 'certificate is not yet valid'), {
    message: /its clock is (1 h 59 min|2 h) behind this machine's$/,
  })
  for (const [session, message] of [
    [host(0), 'certificate has expired'],
    [host(3600), 'permission denied'],
    [lost, 'certificate has expired'],
  ] as const)
    t.match(await told(session, message), { message, hint: 'old' }, 'it stays as it is')
})
