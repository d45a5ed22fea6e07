import { directory, file, inventory, line, TaskError, type Host } from '../../lib/index.ts'
import { addressRange } from './addresses.ts'
import { LOG_IN, RELOAD } from './handlers.ts'
import type { Platform } from './platform.ts'
import { SCRIPT } from './server.ts'
import { autoConf, hbaFile, serverConf } from './templates.ts'
import { pemFile } from './tls.ts'
import type { Vars } from './vars.ts'

const OWNER = { owner: 'postgres:postgres' } as const

/** The server's settings and access rules. A candidate that PostgreSQL would not start with is refused. */
export async function settings(platform: Platform, vars: Vars, host: Host): Promise<void> {
  const { conf, data } = platform
  const notify = [RELOAD, LOG_IN]
  const content = serverConf({
    port: vars.postgresql_port,
    listen: listenAddresses(vars, host),
    timezone: inventory().timezone,
    hbaFile: `${conf}/pg_hba.conf`,
    pemFile: pemFile(platform),
    memoryMb: host.memoryMb,
    settings: vars.postgresql_settings,
  })
  await directory(`${conf}/conf.d`, { ...OWNER, mode: '0750' })
  // The last line of postgresql.conf, so that nothing before it outranks ours.
  await line(`${conf}/postgresql.conf`, "include_dir 'conf.d' # fmc", { notify })
  await file(`${conf}/conf.d/fmc.conf`, {
    content,
    ...OWNER,
    mode: '0640',
    validate: candidate => `${SCRIPT} check-conf ${candidate}`,
    notify,
  })
  await file(`${data}/postgresql.auto.conf`, { content: autoConf, ...OWNER, mode: '0600', notify })
  await file(`${conf}/pg_hba.conf`, {
    content: hbaFile(vars.postgresql_hba, address => addressRange(address, inventory())),
    ...OWNER,
    mode: '0640',
    validate: candidate => `${SCRIPT} check-hba ${candidate}`,
    notify,
  })
}

/** Addresses besides loopback. Throws TaskError for a network that the host is not in. */
export function listenAddresses(vars: Vars, host: Host): readonly string[] {
  const networks = vars.postgresql_listen ?? host.nics.map(n => n.network)
  return networks.map(network => {
    const nic = host.nics.find(n => n.network === network)
    if (!nic) throw new TaskError(`postgresql_listen: ${host.name} is not in a network ${network}`)
    return nic.address
  })
}
