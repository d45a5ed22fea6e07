import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { waitForBoot } from '../../lib/lab/machines/wait.ts'

void t.test(
  'a machine that does not boot in time is named, with the units that it waits for',
  async t => {
    const dir = t.testdir({})
    /** A machine whose systemctl is this script. */
    const machine = (script: string): string[] => {
      writeFileSync(join(dir, 'systemctl'), `#!/bin/sh\n${script}\n`)
      chmodSync(join(dir, 'systemctl'), 0o755)
      return ['env', `PATH=${dir}:/usr/bin:/bin`]
    }
    const stuck = machine(`case $1 in
is-system-running) exec sleep 60 ;;
list-jobs) printf '  71 nfs-server.service start waiting\\n 72 data.mount start running\\n' ;;
list-units) echo 'cron.service loaded failed failed Regular jobs' ;;
esac`)
    await t.rejects(waitForBoot('storage1', stuck, 1), {
      message:
        'storage1 has not booted within 1 s: it waits for nfs-server.service, data.mount; failed: cron.service',
      hint: /fmc lab shell storage1/,
    })
    await t.rejects(
      waitForBoot('storage1', machine('[ $1 != is-system-running ] || sleep 60'), 1),
      {
        message: /it waits for none; failed: none/,
      },
    )
    await waitForBoot('storage1', machine('echo degraded; exit 1'), 60)
  },
)
