import { dirname } from 'node:path/posix'
import {
  $,
  directory,
  file,
  gate,
  packages,
  probe,
  role,
  secret,
  service,
  TaskError,
  unit,
  type Secret,
} from '../../lib/index.ts'
import { PLATFORMS } from './platform.ts'
import { script } from './script.ts'
import * as templates from './templates.ts'
import { vars as schema, type Vars } from './vars.ts'

export default role({
  name: 'ddns',
  summary: "Keeps DNS records at Cloudflare at this site's public address",
  vars: schema,
  platforms: PLATFORMS,
  async tasks({ vars, platform }) {
    if (vars.ddns_records.length === 0) {
      const there = await probe({ estimate: false })`test -e /etc/systemd/system/${TIMER}`
      if (there.exitCode === 0) await service(TIMER, { state: 'stopped', enabled: false })
      return
    }
    const token = tokenOf(vars)

    if (platform.packages.length > 0) await packages(...platform.packages)
    await directory(dirname(platform.script))
    await file(platform.script, {
      content: script,
      mode: '0755',
      validate: candidate => `sh -n ${candidate}`,
      notify: 'look at once',
    })
    await directory('/etc/fmc')
    await file(templates.HEADER, {
      content: secret`Authorization: Bearer ${token}\n`,
      mode: '0600',
      notify: 'look at once',
    })
    await file(templates.CONFIG, {
      content: templates.config(vars),
      notify: 'look at once',
    })
    await unit(SERVICE, { content: templates.service(platform.script), notify: 'look at once' })
    await unit(TIMER, { content: templates.timer(vars), notify: 'restart the timer' })
    await service(TIMER)
    await gate('the names have the address of this site', lastRunWentWell, { timeoutSeconds: 30 })
  },
  handlers: {
    'restart the timer': () => $`systemctl restart ${TIMER}`,
    // May fail: the service, for every reason that the gate reports.
    'look at once': () => $`systemctl start ${SERVICE} || :`,
  },
})

/** The units of the script. */
const SERVICE = 'fmc-ddns.service'
const TIMER = 'fmc-ddns.timer'

/** Cloudflare's API token. Throws TaskError when it is missing or cannot be one. */
function tokenOf(vars: Vars): Secret {
  const token = vars.ddns_token
  if (token === undefined)
    throw new TaskError('ddns_records needs ddns_token', {
      hint: 'ddns_token: !secret cloudflare_token',
    })
  if (!/^[\w.~+/=-]+$/.test(token.reveal()))
    throw new TaskError(
      `the secret ${token.name} is not an API token: expected letters, digits, _ and -`,
    )
  return token
}

/** true, or the last error that the script wrote to the journal. */
async function lastRunWentWell(): Promise<true | string> {
  const { stdout } = await probe`systemctl show --property=Result,ActiveState ${SERVICE}`
  if (/^ActiveState=activating$/m.test(stdout)) return 'it is still running'
  if (/^Result=success$/m.test(stdout)) return true
  const log = await probe`journalctl -q --no-pager -o cat -n 20 -t fmc-ddns -p err -u ${SERVICE}`
  return log.stdout.trim().split('\n').at(-1) || `${SERVICE}: ${stdout.trim()}`
}
