import { timezones } from '../inventory/timezones.ts'
import type { Winners } from './layers.ts'
import type { AnsibleInventory } from './model.ts'
import { TIMEZONE_VARIABLES } from './project.ts'

/** The time zone that the hosts' variables name, if it is one and they agree; with a remark. */
export function timezoneOf(
  inventory: AnsibleInventory,
  winners: ReadonlyMap<string, Winners>,
): string | undefined {
  for (const name of TIMEZONE_VARIABLES) {
    const found = [...winners.values()].flatMap(own => own.get(name) ?? [])
    const zones = new Set(found.map(({ value }) => value))
    const [zone] = zones
    const [variable] = found
    if (typeof zone !== 'string' || zones.size > 1 || variable === undefined || !isZone(zone))
      continue
    inventory.remark(variable, name, `also became the inventory's timezone: ${zone}`)
    return zone
  }
  return undefined
}

const isZone = (name: string): boolean => timezones().has(name)
