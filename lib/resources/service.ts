import { TaskError } from '../errors.ts'
import { ask, type UnitFact } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { unitLog } from '../shell/unit-log.ts'
import { expect, resource, type Common, type Result } from './resource.ts'
import type { PlannedChange } from './scope.ts'

export interface ServiceOptions extends Common {
  /** Does it run now? Default 'started'. */
  readonly state?: 'started' | 'stopped' | undefined
  /** Does it start at boot? Default true. Units that cannot be enabled (static, generated) stay as they are. */
  readonly enabled?: boolean | undefined
  /**
   * Mask it, so that nothing can start it, not even a package that is installed later. The unit need not exist. Needs
   * `state: 'stopped'`. Default false.
   */
  readonly masked?: boolean | undefined
  /** false: do not wait until the unit has started, because a gate waits for it and reports progress. Default true. */
  readonly wait?: boolean | undefined
}

const NOT_INSTALLABLE = new Set(['static', 'indirect', 'generated', 'alias', 'transient'])

const define = resource({
  name: (o: ServiceOptions & { readonly name: string }) => `service ${o.name}`,
  check(o) {
    expect(
      /^[\w@.:\\-]+$/.test(o.name) && !o.name.startsWith('-'),
      `${JSON.stringify(o.name)} is not a unit name`,
    )
    expect(
      !o.masked || (o.state === 'stopped' && o.enabled !== true),
      `${o.name}: a masked unit must have state 'stopped' and cannot be enabled`,
    )
  },
  needs: o => ({ unit: ask('unit', o.name) }),
  plan(options, { unit }, { doubt }) {
    const { name, state = 'started', enabled = true, wait = true } = options
    if (options.masked) return masked(name, unit)
    const wanted = enabled || state === 'started'
    if (unit.load === 'not-found' && !wanted)
      // A package may bring the unit, and start it.
      return doubt ? [{ what: 'stop and disable it if a package brings it' }] : []
    if (unit.load === 'not-found' && !doubt) throw new TaskError(`there is no unit ${name}`)
    if (unit.load === 'masked' && wanted)
      throw new TaskError(`the unit ${name} is masked`, { hint: `systemctl unmask ${name}` })
    if (unit.load === 'error' || unit.load === 'bad-setting')
      throw new TaskError(`systemd cannot load ${name} (${unit.load})`, {
        hint: `systemctl status ${name}`,
      })
    const changes: PlannedChange[] = []
    let now: UnitFact = unit
    const add = (what: string, script: string, left: Partial<UnitFact>): void => {
      now = { ...now, load: 'loaded', ...left }
      changes.push({ what, script, factsAfter: [[ask('unit', name), now]] })
    }
    const word = quote(name)
    if (unit.reload) add('daemon-reload', 'systemctl daemon-reload', { reload: false })
    if (!NOT_INSTALLABLE.has(now.enabled) && (now.enabled === 'enabled') !== enabled)
      add(
        enabled ? 'enable' : 'disable',
        `systemctl -q ${enabled ? 'enable' : 'disable'} -- ${word}`,
        { enabled: enabled ? 'enabled' : 'disabled' },
      )
    if (isUp(now) !== (state === 'started'))
      add(state === 'started' ? 'start' : 'stop', startOrStop(name, state, wait), {
        active: state === 'started' ? 'active' : 'inactive',
      })
    return changes
  },
})

function masked(name: string, unit: UnitFact): PlannedChange[] {
  const word = quote(name)
  const off: UnitFact = { load: 'masked', active: 'inactive', enabled: 'masked', reload: false }
  const changes: PlannedChange[] = []
  if (isUp(unit)) changes.push({ what: 'stop', script: startOrStop(name, 'stopped', true) })
  if (unit.load !== 'masked') changes.push({ what: 'mask', script: `systemctl -q mask -- ${word}` })
  return changes.map(change => ({ ...change, factsAfter: [[ask('unit', name), off]] }))
}

const isUp = ({ active }: UnitFact): boolean =>
  ['active', 'reloading', 'activating', 'refreshing'].includes(active)

/** Shell text that starts or stops a unit. When it does not start, the error has its last log lines. */
const startOrStop = (name: string, state: 'started' | 'stopped', wait: boolean): string =>
  state === 'stopped'
    ? `systemctl stop -- ${quote(name)}`
    : `systemctl ${wait ? '' : '--no-block '}start -- ${quote(name)} || { c=$?; ${unitLog(name)}; exit $c; }`

/**
 * Makes sure that a systemd unit runs (or not), now and at boot. It never restarts or reloads a running unit: use a handler.
 *
 * @param name - unit name, with or without `.service`
 * @throws TaskError when there is no such unit, systemd cannot load it, it is masked, or it does not start (with its log).
 *
 * @example
 * await service('haproxy')
 * await service('apt-daily.timer', { state: 'stopped', enabled: false })
 */
export const service = (name: string, options: ServiceOptions = {}): Promise<Result> =>
  define({ name, ...options })
