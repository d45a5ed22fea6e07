import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, type Family } from './family.ts'

export interface UnitFact {
  /** LoadState: loaded, not-found, masked, … */
  readonly load: string
  /** ActiveState: active, inactive, failed, activating, … */
  readonly active: string
  /** UnitFileState: enabled, disabled, static, …; empty when there is no unit file. */
  readonly enabled: string
  /** The unit file on disk is newer than what systemd has loaded. */
  readonly reload: boolean
}

/** A systemd unit, as `systemctl show` tells (systemctl(1), systemd.unit(5)). */
export const unit: Family<UnitFact> = {
  bytes: { each: 4096 },
  script: args =>
    `systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- ${quoteAll(args)}`,
  parse({ out, err, code }, args) {
    // Blocks come in the order asked. They are counted and not matched by Id, which differs for aliases.
    const blocks = out.trim().split('\n\n')
    if (code !== 0 || blocks.length !== args.length)
      throw new GarbledProbe('unit', `exit ${code}: ${err || out}`)
    return blocks.map(block => {
      const fields = new Map(
        block.split('\n').map(l => [l.slice(0, l.indexOf('=')), l.slice(l.indexOf('=') + 1)]),
      )
      const load = fields.get('LoadState')
      const active = fields.get('ActiveState')
      if (!load || !active) throw new GarbledProbe('unit', block)
      return {
        load,
        active,
        enabled: fields.get('UnitFileState') ?? '',
        reload: fields.get('NeedDaemonReload') === 'yes',
      }
    })
  },
}
