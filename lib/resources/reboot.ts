import { ask } from '../facts/index.ts'
import { type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'

export interface RebootOptions extends Common {
  /** Time to come back; default 600 s. */
  readonly timeoutSeconds?: number | undefined
  /** Also if it has booted since this job began: for what only a boot from now on brings about. */
  readonly always?: boolean | undefined
}

/** Has the host not booted since this job began? */
export async function rebootDue(): Promise<boolean> {
  const { upSeconds } = await scope().read(ask('boot', ''))
  return upSeconds * 1000 >= Date.now() - scope().settings.begun
}

/**
 * The host has booted since this job began. Else it is rebooted: the task ends when the host answers with a new boot id
 * and is locked again, and fails when it does not come back in time. A job that was interrupted and is run again does
 * not reboot a second time what it has rebooted.
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
