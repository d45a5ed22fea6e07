// Over OpenSSH nothing of this machine is lent to a host, whatever ssh_config says.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { startSshd } from './rig.ts'

void t.test('neither the display nor the agent', async t => {
  const dir = t.testdir()
  const sshd = await startSshd(dir, { config: 'X11Forwarding yes\nXAuthLocation /bin/true' })
  t.teardown(() => sshd.stop())
  const sshConfig = join(dir, 'config')
  writeFileSync(
    sshConfig,
    'Host *\n  ForwardX11 yes\n  ForwardX11Trusted yes\n  ForwardAgent yes\n  GSSAPIDelegateCredentials yes\n',
  )
  process.env['DISPLAY'] = ':77'
  const target = sshd.target({ transport: 'openssh', useSshConfig: true })
  const { session } = await openWith({ ...LIMITS, sshConfig }, target)
  t.teardown(() => session.close())
  const { stdout } = await session.run('printf %s "$DISPLAY$SSH_AUTH_SOCK"')
  t.equal(stdout, '')
})
