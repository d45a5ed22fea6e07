import { ask } from '../facts/index.ts'
import { type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'

export interface RebootOptions extends Common {
  /** Time for the host to come back; default 600 s. */
  readonly timeoutSeconds?: number | undefined
  /** Reboot even if the host has booted since this job began: for a change that needs a boot after it. Default false. */
  readonly always?: boolean | undefined
}

/**
 * True if the host has not booted since this job began (see `begun`): `reboot()` would reboot it.
 *
 * @example
 * if (await rebootDue()) await $`k3s kubectl drain ${host().name}`
 */
export async function rebootDue(): Promise<boolean> {
  const { upSeconds } = await scope().read(ask('boot', ''))
  return upSeconds * 1000 >= Date.now() - scope().settings.begun
}

/**
 * Makes sure that the host has booted since this job began; otherwise reboots it. The task ends when the host answers with a
 * new boot id and fmc has its lock again. An interrupted job that is resumed does not reboot a host a second time.
 *
 * @throws UnreachableError when the host does not come back in time.
 *
 * @example
 * await packages('linux-image-cloud-amd64')
 * await reboot({ timeoutSeconds: 900 })
 */
export async function reboot(options: RebootOptions = {}): Promise<Result> {
  const here = scope()
  const { timeoutSeconds = 600 } = options
  return here.task('reboot', async task => {
    if (!options.always && !(await rebootDue()))
      return { changes: [], note: 'has booted since this job began' }
    const change: PlannedChange = {
      what: 'reboot',
      script: 'systemctl reboot',
      reboots: true,
      timeoutMs: timeoutSeconds * 1000,
      factsAfter: [[ask('boot', ''), { id: '', upSeconds: 0 }]],
    }
    if (here.mode === 'apply') task.progress('waiting for the new boot')
    await task.carryOut([change], { notify: options.notify })
    return { changes: [change] }
  })
}
