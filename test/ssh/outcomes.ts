import { spawn } from 'node:child_process'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { loginFor } from '../../lib/ssh/selection.ts'

/** What fmc does with its own connections whatever ssh_config says: it accepts no unknown key, and only runs its commands. */
const FIXED = [
  ...[
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'ClearAllForwardings=yes',
    'RemoteCommand=none',
  ],
  ...['SessionType=default', 'ForkAfterAuthentication=no', 'StdinNull=no', 'PermitLocalCommand=no'],
  ...['ControlMaster=no', 'ControlPath=none'],
]

/** Does the real ssh log in, and does fmc? */
export const outcomes = async (
  file: string,
  name: string,
  address: string,
  more: { readonly user?: string; readonly port?: number; readonly identityFile?: string } = {},
): Promise<Readonly<Record<'ssh' | 'auto' | 'openssh' | 'ssh2', string>>> => {
  const { user, port, identityFile } = more
  const real = spawn(
    'ssh',
    [
      ...['-F', file],
      ...FIXED.flatMap(option => ['-o', option]),
      ...(name === address ? [] : ['-o', `HostName=${address}`]),
      ...(user === undefined ? [] : ['-l', user]),
      ...(port === undefined ? [] : ['-p', String(port)]),
      ...(identityFile === undefined ? [] : ['-o', `IdentityFile="${identityFile}"`]),
      ...[name, 'true'],
    ],
    { stdio: 'ignore' },
  )
  const ssh = new Promise<string>(resolve =>
    real.once('close', code => resolve(code === 0 ? 'connects' : 'refuses')),
  )
  const identityFiles = identityFile === undefined ? undefined : [identityFile]
  const wanted = { name, alias: name, address, user, port, identityFiles }
  const tried = async (transport: 'auto' | 'openssh' | 'ssh2'): Promise<string> => {
    try {
      const login = await loginFor(wanted, file)
      const { session } = await openWith(
        { ...LIMITS, sshConfig: file },
        { ...wanted, ...login, sudo: false, transport },
      )
      session.close()
      return 'connects'
    } catch (error) {
      const { name: kind, message } = error as Error
      if (kind !== 'UnreachableError') return String(error)
      return message.includes('ssh2 does not support') ? 'not for ssh2' : 'refuses'
    }
  }
  const ssh2 = await tried('ssh2')
  const auto = await tried('auto')
  // Where ssh2 will not do, auto is OpenSSH.
  const openssh = ssh2 === 'not for ssh2' ? auto : await tried('openssh')
  return { ssh: await ssh, auto, openssh, ssh2 }
}
