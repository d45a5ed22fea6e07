import t from 'tap'
import { openSession } from '../../lib/ssh/index.ts'
import { startSshd } from './rig.ts'

void t.test('the persistent shell', async t => {
  const sshd = await startSshd(t.testdir())
  t.teardown(() => sshd.stop())
  const { session, first } = await openSession(
    sshd.target(),
    'printf hello; printf oops >&2; ( exit 3 )',
  )
  t.teardown(() => session.close())
  t.same(await first, { code: 3, stdout: 'hello', stderr: 'oops' })
  t.equal(
    (await session.run('echo "$HOME $PATH $LC_ALL $(umask) $PWD $$"')).stdout,
    `/root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin C 0022 / ${session.shellPid}\n`,
  )
  t.same(await session.run('cat', { input: 'x' }), { code: 0, stdout: 'x', stderr: '' })
  t.equal(session.trips, 3)
})
