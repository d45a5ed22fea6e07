import type { Advice, Advisor } from '../../lib/index.ts'
import type { Vars } from './vars.ts'

/** What data on NFS cost, said once more to who declares it. */
export function advise({ vars }: Advisor<Vars>): readonly Advice[] {
  const { postgresql_data_nfs: data, postgresql_backup_nfs: backup } = vars
  if (data === null) return []
  const server = data.source.split(':')[0] ?? ''
  const message = `PostgreSQL stands still while ${server} is away, and its data are where only ${server} can save them`
  const hint = "null: the host's own disk, with the dumps on the share (postgresql_backup_nfs)"
  const same = backup?.source.startsWith(`${server}:`)
    ? [
        {
          variable: 'postgresql_backup_nfs',
          message: `the dumps are on ${server}, too: who loses it has neither data nor dumps`,
          hint: "null: the dumps stay on the host's own disk",
        },
      ]
    : []
  return [{ variable: 'postgresql_data_nfs', message, hint }, ...same]
}
