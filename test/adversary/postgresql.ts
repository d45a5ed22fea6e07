import { $, file, line } from '../../lib/index.ts'
import { cluster } from '../../roles/postgresql/cluster.ts'
import { PLATFORMS } from '../../roles/postgresql/platform.ts'
import { SCRIPT } from '../../roles/postgresql/server.ts'
import { certificate } from '../../roles/postgresql/tls.ts'
import type { Round } from './role.ts'

export const VERSION = 15
const platformFor = PLATFORMS['debian 12']
if (!platformFor) throw new Error('the role is not made for Debian any more')
export const platform = platformFor(VERSION, 5432)
const OWNER = { owner: 'postgres:postgres' } as const

/** What is the user's own is removed as the user: the test must not lose to the adversary where the role does not. */
const asPostgres = 'setpriv --reuid=postgres --regid=postgres --clear-groups --'

export const certificates: readonly Round[] = [
  async (_d, _i, last) => {
    if (!last) await $`eval ${`${asPostgres} rm -rf ${platform.tls}/server.pem || :`}`
    await certificate({
      path: `${platform.tls}/server.pem`,
      names: ['db.adversary.internal'],
      addresses: ['127.0.0.1'],
    })
  },
]

export const configuration: readonly Round[] = [
  (_, i) => line(`${platform.conf}/postgresql.conf`, `# line ${i}`),
  (_, i) =>
    file(`${platform.conf}/pg_hba.conf`, {
      content: `# round ${i}\nlocal all all peer\n`,
      ...OWNER,
      mode: '0640',
    }),
  (_, i) =>
    file(`${platform.data}/postgresql.auto.conf`, {
      content: `# round ${i}\n`,
      ...OWNER,
      mode: '0600',
    }),
  (_, i) =>
    file(`${platform.conf}/conf.d/fmc.conf`, {
      content: `# round ${i}\n`,
      ...OWNER,
      mode: '0640',
    }),
]

/** The role's own checks: each starts a server. */
export const checks: readonly Round[] = [
  (_, i) =>
    file(`${platform.conf}/pg_hba.conf`, {
      content: `# checked ${i}\nlocal all all peer\n`,
      ...OWNER,
      mode: '0640',
      validate: c => `${SCRIPT} check-hba ${c}`,
    }),
  (_, i) =>
    file(`${platform.conf}/conf.d/fmc.conf`, {
      content: `# checked ${i}\n`,
      ...OWNER,
      mode: '0640',
      validate: c => `${SCRIPT} check-conf ${c}`,
    }),
]

export const clusters: readonly Round[] = [
  async (_d, _i, last) => {
    if (!last)
      await $`eval ${`${asPostgres} sh -c 'for d in ${platform.data} ${platform.conf}; do [ ! -e $d ] || mv -T $d $d.old.$(date +%s%N); done' || :`}`
    await cluster({ platform, version: VERSION })
  },
]
