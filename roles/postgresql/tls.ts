import {
  ask,
  asUser,
  directory,
  file,
  inventory,
  resource,
  secret,
  Secret,
  TaskError,
  type Common,
  type Host,
  type PlannedChange,
} from '../../lib/index.ts'
import { pemCheck } from './check.ts'
import { LOG_IN, RELOAD } from './handlers.ts'
import type { Platform } from './platform.ts'
import type { Vars } from './vars.ts'

/** Where the server's certificate and its key are on the host: one file, so that both are replaced in one step. */
export const pemFile = (platform: Platform): string => `${platform.tls}/server.pem`

/** The server's certificate: the declared one, else a self-signed one. Throws TaskError when only half is declared. */
export async function serverCertificate(platform: Platform, vars: Vars, host: Host): Promise<void> {
  await directory(platform.tls, { owner: 'postgres:postgres', mode: '0700' })
  const { postgresql_tls_certificate: pem, postgresql_tls_key: key } = vars
  if ((pem === undefined) !== (key === undefined))
    throw new TaskError(
      'postgresql_tls_certificate and postgresql_tls_key belong together: set both or none',
    )
  if (pem !== undefined && key !== undefined) {
    await file(pemFile(platform), {
      content: secret`${pem.trimEnd()}\n${new Secret(key.reveal().trimEnd(), key.name)}\n`,
      owner: 'postgres:postgres',
      mode: '0600',
      validate: pemCheck,
      notify: [RELOAD, LOG_IN],
    })
    return
  }
  await certificate({
    path: pemFile(platform),
    names: [`${host.name}.${inventory().domain}`, host.name, 'localhost'],
    addresses: [...host.nics.map(n => n.address), '127.0.0.1'],
    notify: [RELOAD, LOG_IN],
  })
}

interface Certificate extends Common {
  readonly path: string
  /** Names and addresses that clients may use; the first is the subject. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

const YEARS = 10

/** Key and certificate appear in one step. Runs as postgres, which owns the directory. */
function create(o: Certificate): string {
  const names = [...o.names.map(n => `DNS:${n}`), ...o.addresses.map(a => `IP:${a}`)].join(',')
  return asUser(
    'postgres',
    `umask 077
d=$(mktemp -d -- "$1.XXXXXX")
trap 'rm -rf -- "$d"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days ${YEARS * 365} -subj "$2" -addext "$3" -keyout "$d/pem" -out "$d/crt" 2>/dev/null
cat "$d/crt" >>"$d/pem"
sync -- "$d/pem"
mv -fT -- "$d/pem" "$1"`,
    o.path,
    `/CN=${o.names[0] ?? ''}`,
    `subjectAltName=${names}`,
  )
}

/**
 * A self-signed certificate for ten years. It is made once, and again when postgres cannot read it, when it is broken or
 * when it has less than 30 days left.
 */
export const certificate = resource({
  name: (o: Certificate) => `certificate ${o.path}`,
  needs: o => ({
    self: ask('path', o.path),
    sound: ask(
      'command',
      asUser(
        'postgres',
        `${pemCheck('"$1"')} && openssl x509 -noout -checkend 2592000 -in "$1"`,
        o.path,
      ),
      { code: 1, stdout: '', stderr: '' },
    ),
  }),
  plan(o, { self, sound }): PlannedChange[] {
    const factsAfter = [
      [ask('path', o.path), { type: 'file', mode: '0600', owner: 'postgres', group: 'postgres' }],
    ] as const
    if (self === null) return [{ what: 'create', script: create(o), factsAfter }]
    if (sound.code !== 0 || self.owner !== 'postgres')
      return [
        {
          what: 'create again: it is broken, about to expire or does not belong to postgres',
          script: create(o),
          factsAfter,
        },
      ]
    if (self.mode === '0600' && self.group === 'postgres') return []
    return [
      {
        what: 'group postgres, mode 0600',
        script: asUser('postgres', 'chgrp -h postgres -- "$1"; chmod 0600 -- "$1"', o.path),
        factsAfter,
      },
    ]
  },
})
