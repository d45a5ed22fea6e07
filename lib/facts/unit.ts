import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, wholeLines, type Family } from './family.ts'

/** State of a systemd unit. */
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

/** Valid values of each property; a property that is not set may be missing (systemctl(1), --all). */
const VALUES = new Map([
  ['LoadState', /^[a-z-]+$/],
  ['ActiveState', /^[a-z-]+$/],
  ['UnitFileState', /^[a-z-]*$/],
  ['NeedDaemonReload', /^(yes|no)$/],
])

/** A systemd unit's state from `systemctl show` (systemctl(1), systemd.unit(5)). */
export const unit: Family<UnitFact> = {
  bytes: { each: 4096 },
  script: args =>
    `systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- ${quoteAll(args)}`,
  parse({ out, err, code }, args) {
    // The blocks have the order of the arguments. Matching by Id would fail for aliases.
    const blocks = wholeLines('unit', out).join('\n').split('\n\n')
    if (code !== 0 || blocks.length !== args.length)
      throw new GarbledProbe('unit', `exit ${code}: ${err || out}`)
    return blocks.map(block => {
      const fields = new Map<string, string>()
      for (const line of block.split('\n')) {
        const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
        if (fields.has(key) || VALUES.get(key)?.test(value) !== true)
          throw new GarbledProbe('unit', line)
        fields.set(key, value)
      }
      const load = fields.get('LoadState')
      const active = fields.get('ActiveState')
      const reload = fields.get('NeedDaemonReload')
      if (!load || !active || !reload) throw new GarbledProbe('unit', block)
      return {
        load,
        active,
        enabled: fields.get('UnitFileState') ?? '',
        reload: reload === 'yes',
      }
    })
  },
}
