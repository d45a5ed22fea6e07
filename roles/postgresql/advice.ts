import type { Advice, Advisor } from '../../lib/index.ts'
import type { Vars } from './vars.ts'

/** Warnings of `fmc lint` about data on NFS. */
export function advise({ vars }: Advisor<Vars>): readonly Advice[] {
  const { postgresql_data_nfs: data, postgresql_backup_nfs: backup } = vars
  if (data === null) return []
  const server = data.source.split(':')[0] ?? ''
  const message = `PostgreSQL hangs while ${server} is down, and its data is lost with ${server}`
  const hint = "null: the host's own disk, with the dumps on the share (postgresql_backup_nfs)"
  const same = backup?.source.startsWith(`${server}:`)
    ? [
        {
          variable: 'postgresql_backup_nfs',
          message: `the dumps are on ${server}, too: losing it loses both data and dumps`,
          hint: "null: the dumps stay on the host's own disk",
        },
      ]
    : []
  return [{ variable: 'postgresql_data_nfs', message, hint }, ...same]
}
