import {
  $,
  estimateFrom,
  gate,
  inventory,
  role,
  service,
  TaskError,
  timezone,
  unit,
  type Host,
} from '../../lib/index.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { portsAreFree } from '../shared/ports.ts'
import { advise } from './advice.ts'
import { nightlyDumps } from './backup.ts'
import { dataOnNfs, startsOnlyOn } from './data-on-nfs.ts'
import { LOG_IN, RELOAD } from './handlers.ts'
import { createCluster, installPackages } from './install.ts'
import { pgDatabase, pgRole } from './objects.ts'
import { PLATFORMS, type Platform } from './platform.ts'
import { accepts, connection, loaded, passLine, SCRIPT, speaksTls, type Login } from './server.ts'
import { listenAddresses, settings } from './settings.ts'
import type { ServerState } from './sql.ts'
import { networkDropIn } from './templates.ts'
import { pemFile, serverCertificate } from './tls.ts'
import { vars as schema, type Vars } from './vars.ts'

export default role({
  name: 'postgresql',
  summary: 'One PostgreSQL server: cluster, settings, TLS, roles and databases, nightly dumps',
  vars: schema,
  advise,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform: platformFor }) {
    const port = vars.postgresql_port
    const platform = platformFor(vars.postgresql_version, port)
    checkOwners(vars)
    const addresses = ['127.0.0.1', ...listenAddresses(vars, host)]

    await portsAreFree({
      service: 'PostgreSQL',
      port,
      protocol: 'tcp',
      addresses,
      owners: ['postgres ', 'postmaster '],
      variable: 'postgresql_port',
    })
    await dataOnNfs(platform, vars, host)
    await timezone(inventory().timezone)
    await installPackages(platform)
    const cluster = await createCluster(platform)
    await serverCertificate(platform, vars, host)
    await settings(platform, vars, host)

    const only = vars.postgresql_data_nfs === null ? '' : startsOnlyOn(platform, host.name)
    await unit(platform.unit, { dropIn: true, content: networkDropIn + only })
    const server = await start(platform, cluster)
    if (platform.firewalld) await firewalldOpen(`${port}/tcp`)

    for (const spec of vars.postgresql_roles)
      await pgRole({ platform, server, spec, notify: LOG_IN })
    for (const spec of vars.postgresql_databases)
      await pgDatabase({ platform, server, spec, notify: LOG_IN })

    await gate('PostgreSQL accepts connections', accepts(platform, port), SOON)
    await gate('PostgreSQL has loaded its files', loaded(platform), SOON)
    await gate('PostgreSQL speaks TLS', speaksTls(addresses, port, pemFile(platform)), SOON)

    await nightlyDumps(platform, vars)
  },
  handlers: {
    [RELOAD]: () => $`${SCRIPT} reload`,
    [LOG_IN]: ({ vars, host, platform: platformFor }) =>
      logIn(platformFor(vars.postgresql_version, vars.postgresql_port), vars, host),
    'restart the backup timer': () => $`systemctl restart fmc-postgresql-backup.timer`,
  },
})

/** systemd and the reload return when the server serves, so only a busy host needs any of this time. */
const SOON = { timeoutSeconds: 30 } as const

/** Throws TaskError for a database whose owner is not declared. */
function checkOwners(vars: Vars): void {
  const roles = new Set(['postgres', ...vars.postgresql_roles.map(r => r.name)])
  for (const { name, owner } of vars.postgresql_databases)
    if (!roles.has(owner))
      throw new TaskError(
        `postgresql_databases: ${name} belongs to ${owner}, which is not in postgresql_roles`,
      )
}

/** Starts the server. What a server that is down holds cannot be read, so the plan is an estimate until it runs. */
async function start(
  platform: Platform,
  cluster: { readonly changed: boolean },
): Promise<ServerState> {
  const started = await service(platform.unit)
  if (cluster.changed) return 'new'
  estimateFrom(started)
  return started.changed ? 'starting' : 'running'
}

/** Logs in once as every role that has a password and may log in. */
async function logIn(platform: Platform, vars: Vars, host: Host): Promise<void> {
  const selfSigned = vars.postgresql_tls_certificate === undefined
  const server = { port: vars.postgresql_port, host: host.name, selfSigned }
  const certificate = selfSigned ? [pemFile(platform)] : []
  for (const login of logins(vars))
    await $({
      stdin: passLine(login),
      timeoutSeconds: 60,
    })`${SCRIPT} login ${connection(server, login)} ${certificate}`
}

/** The roles that have a valid password and may log in. */
export const logins = (
  vars: Pick<Vars, 'postgresql_roles' | 'postgresql_databases'>,
): readonly Login[] =>
  vars.postgresql_roles.flatMap(({ name, password, options, valid_until: until }) => {
    if (!password || options?.includes('nologin') || isOver(until)) return []
    const own = vars.postgresql_databases.find(d => d.owner === name)
    return [{ user: name, password, database: own?.name ?? 'postgres' }]
  })

/** A password that is no longer valid; `infinity` is no date. */
const isOver = (until: string | undefined): boolean => Date.parse(until ?? '') <= Date.now()
