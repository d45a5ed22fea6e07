import { dirname } from 'node:path/posix'
import {
  $,
  directory,
  file,
  flush,
  gate,
  inventory,
  line,
  mount,
  packages,
  probe,
  role,
  secret,
  service,
  timezone,
  TaskError,
  unit,
  type Host,
} from '../../lib/index.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { addressRange, nfsSource } from './addresses.ts'
import { advise } from './advice.ts'
import { backupScript } from './backup.ts'
import { pemCheck } from './check.ts'
import { cluster, configuration } from './cluster.ts'
import { dataOnNfs, startsOnlyOn } from './nfs.ts'
import { pgDatabase, pgRole } from './objects.ts'
import { PLATFORMS, type Platform, type PlatformFor } from './platform.ts'
import {
  accepts,
  loaded,
  connection,
  passLine,
  hostScript,
  SCRIPT,
  speaksTls,
  type Login,
} from './server.ts'
import type { Server } from './sql.ts'
import {
  autoConf,
  backupService,
  backupTimer,
  createClusterConf,
  hbaFile,
  networkDropIn,
  serverConf,
} from './templates.ts'
import { certificate } from './tls.ts'
import { vars, type Vars } from './vars.ts'

const RELOAD = 'reload postgresql, restart if it must'
const LOG_IN = 'log in as every role'
/** systemd and the handler return when the server serves: nothing is left to wait for but a busy host. */
const SOON = { timeoutSeconds: 30 } as const
const POSTGRES = { owner: 'postgres:postgres' } as const

const pemFile = (p: Platform): string => `${p.tls}/server.pem`
const own = (platform: PlatformFor, v: Vars): Platform =>
  platform(v.postgresql_version, v.postgresql_port)

/** Addresses besides loopback. Throws TaskError for a network that the host is not in. */
function listenAddresses(v: Vars, host: Host): readonly string[] {
  const networks = v.postgresql_listen ?? host.nics.map(n => n.network)
  return networks.map(network => {
    const nic = host.nics.find(n => n.network === network)
    if (!nic) throw new TaskError(`postgresql_listen: ${host.name} is not in a network ${network}`)
    return nic.address
  })
}

async function install(p: Platform, v: Vars): Promise<boolean> {
  if (p.stream !== undefined) {
    const [module = '', stream = ''] = p.stream.split(':')
    await $({
      unless: `grep -qx 'stream=${stream}' /etc/dnf/modules.d/${module}.module`,
    })`dnf -qy module enable ${p.stream}`
  }
  if (p.createClusterConf !== undefined) {
    await directory(dirname(p.createClusterConf))
    await file(p.createClusterConf, { content: createClusterConf })
  }
  await packages(...p.packages)
  await directory('/usr/local/libexec')
  await file(SCRIPT, { content: hostScript(p), mode: '0755', validate: c => `sh -n ${c}` })
  const options = { platform: p, version: v.postgresql_version }
  // A host that gets its data from a share may have lost the package's own.
  if (p.adopt !== undefined) await directory(dirname(p.conf), POSTGRES)
  const made = await cluster(options)
  await configuration(options)
  return made.changed
}

async function makeCertificate(p: Platform, v: Vars, host: Host): Promise<void> {
  await directory(p.tls, { ...POSTGRES, mode: '0700' })
  const { postgresql_tls_certificate: pem, postgresql_tls_key: key } = v
  if ((pem === undefined) !== (key === undefined))
    throw new TaskError(
      'postgresql_tls_certificate and postgresql_tls_key belong together: set both or none',
    )
  if (pem !== undefined && key !== undefined) {
    await file(pemFile(p), {
      content: secret`${pem.trimEnd()}\n${key.reveal().trimEnd()}\n`,
      ...POSTGRES,
      mode: '0600',
      validate: pemCheck,
      notify: [RELOAD, LOG_IN],
    })
    return
  }
  await certificate({
    path: pemFile(p),
    names: [`${host.name}.${inventory().domain}`, host.name, 'localhost'],
    addresses: [...host.nics.map(n => n.address), '127.0.0.1'],
    notify: [RELOAD, LOG_IN],
  })
}

async function configure(p: Platform, v: Vars, host: Host): Promise<void> {
  const notify = [RELOAD, LOG_IN]
  const mode = { ...POSTGRES, mode: '0640', notify } as const
  const content = serverConf({
    port: v.postgresql_port,
    listen: listenAddresses(v, host),
    timezone: inventory().timezone,
    hbaFile: `${p.conf}/pg_hba.conf`,
    pemFile: pemFile(p),
    memoryMb: host.memoryMb,
    settings: v.postgresql_settings,
  })
  await directory(`${p.conf}/conf.d`, { ...POSTGRES, mode: '0750' })
  // The last line of postgresql.conf, so that nothing before it outranks ours.
  await line(`${p.conf}/postgresql.conf`, "include_dir 'conf.d' # fmc", { notify })
  await file(`${p.conf}/conf.d/fmc.conf`, {
    ...mode,
    content,
    validate: c => `${SCRIPT} check-conf ${c}`,
  })
  await file(`${p.data}/postgresql.auto.conf`, { ...mode, mode: '0600', content: autoConf })
  const rules = hbaFile(v.postgresql_hba, address => addressRange(address, inventory()))
  await file(`${p.conf}/pg_hba.conf`, {
    ...mode,
    content: rules,
    validate: c => `${SCRIPT} check-hba ${c}`,
  })
}

async function start(p: Platform, v: Vars, host: Host, made: boolean): Promise<Server> {
  const only = v.postgresql_data_nfs === null ? '' : startsOnlyOn(p, host.name)
  await unit(p.unit, { dropIn: true, content: networkDropIn + only })
  const started = await service(p.unit)
  if (made) return 'new'
  if (!started.changed) return 'running'
  // What a server that is down holds cannot be asked: from here on the plan is an estimate, and says so.
  await probe`:`
  return 'starting'
}

async function backups(p: Platform, v: Vars): Promise<void> {
  const { postgresql_backup_nfs: nfs, postgresql_backup_dir: dir } = v
  if (nfs) {
    await packages(...p.nfsPackages)
    await mount(dir, {
      source: nfsSource(nfs.source, inventory()),
      type: 'nfs',
      options: nfs.options,
    })
  } else await directory(dir, { ...POSTGRES, mode: '0700' })
  const script = '/usr/local/libexec/fmc-postgresql-backup'
  await file(script, {
    content: backupScript({
      bin: p.bin,
      data: p.data,
      dir,
      mounted: nfs !== null,
      days: v.postgresql_backup_retention_days,
    }),
    mode: '0755',
    validate: candidate => `sh -n ${candidate}`,
  })
  await unit('fmc-postgresql-backup.service', { content: backupService(script, dir) })
  await unit('fmc-postgresql-backup.timer', {
    content: backupTimer(v.postgresql_backup_schedule, inventory().timezone),
    notify: 'restart the backup timer',
  })
  await service('fmc-postgresql-backup.timer')
}

/** Roles that can be tried: with a password, and a database to log in to. */
const logins = (v: Vars): readonly Login[] =>
  v.postgresql_roles.flatMap(({ name, password, options }) =>
    password && !options.includes('nologin')
      ? [
          {
            user: name,
            password,
            database: v.postgresql_databases.find(d => d.owner === name)?.name ?? 'postgres',
          },
        ]
      : [],
  )

function checkVars(v: Vars): void {
  const roles = new Set(['postgres', ...v.postgresql_roles.map(r => r.name)])
  for (const { name, owner } of v.postgresql_databases)
    if (!roles.has(owner))
      throw new TaskError(
        `postgresql_databases: ${name} belongs to ${owner}, which is not in postgresql_roles`,
      )
}

export default role({
  name: 'postgresql',
  summary: 'One PostgreSQL server: cluster, settings, TLS, roles and databases, nightly dumps',
  vars,
  advise,
  platforms: PLATFORMS,
  async tasks({ vars: v, host, platform }) {
    const p = own(platform, v)
    checkVars(v)
    await dataOnNfs(p, v, host)
    await timezone(inventory().timezone)
    const made = await install(p, v)
    await makeCertificate(p, v, host)
    await configure(p, v, host)
    const server = await start(p, v, host, made)
    if (p.firewalld) await firewalldOpen(`${v.postgresql_port}/tcp`)
    for (const spec of v.postgresql_roles)
      await pgRole({ platform: p, server, spec, notify: LOG_IN })
    for (const spec of v.postgresql_databases)
      await pgDatabase({ platform: p, server, spec, notify: LOG_IN })
    await flush()
    const port = v.postgresql_port
    const addresses = ['127.0.0.1', ...listenAddresses(v, host)]
    await gate('PostgreSQL accepts connections', accepts(p, port), SOON)
    await gate('PostgreSQL has loaded its files', loaded(p), SOON)
    await gate('PostgreSQL speaks TLS', speaksTls(addresses, port, pemFile(p)), SOON)
    await backups(p, v)
  },
  handlers: {
    [RELOAD]: () => $`${SCRIPT} reload`,
    async [LOG_IN]({ vars: v, host, platform }) {
      const selfSigned = v.postgresql_tls_certificate === undefined
      const at = { port: v.postgresql_port, host: host.name, selfSigned }
      const certificate = selfSigned ? [pemFile(own(platform, v))] : []
      for (const login of logins(v))
        await $({
          stdin: passLine(login),
          timeoutSeconds: 60,
        })`${SCRIPT} login ${connection(at, login)} ${certificate}`
    },
    'restart the backup timer': () => $`systemctl restart fmc-postgresql-backup.timer`,
  },
})
