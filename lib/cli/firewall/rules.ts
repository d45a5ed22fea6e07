import { EXIT } from '../../errors.ts'
import { outerFirewall } from '../../firewall/outer.ts'
import { forms, outerText, type Product } from '../../firewall/outer-text.ts'
import { jsonLines } from '../json-lines.ts'
import type { InventoryOptions, OutputOptions } from '../options.ts'
import { print } from '../print.ts'
import { asUsage, firewallsOf, placesOf, vpnPeers } from './model.ts'

/** Options of `fmc firewall rules`. */
export interface RulesOptions extends InventoryOptions, OutputOptions {
  readonly for: Product
}

/** Prints what a firewall outside the inventory has to let through. Throws UsageError if there is none. */
export async function printRules(o: RulesOptions): Promise<number> {
  const { openContext } = await import('../context.ts')
  const { inventory } = await openContext(o, undefined)
  const firewalls = await firewallsOf(inventory, o.inventory)
  const outer = asUsage(() => outerFirewall(inventory, firewalls, vpnPeers(inventory)))
  const where = await placesOf(o.inventory, inventory)
  if (o.output !== 'json') {
    print(outerText(outer, o.for, where))
    return EXIT.ok
  }
  const { aliases, rules } = forms(outer)
  jsonLines([
    ...outer.gateways.map(g => ({ type: 'gateway', ...g })),
    ...outer.routes.map(r => ({ type: 'route', ...r })),
    ...aliases.map(a => ({ type: 'alias', ...a })),
    ...outer.forwards.map(({ of, ...f }) => ({ type: 'forward', ...f, place: where(of) })),
    ...rules.map(({ of, ...r }) => ({ type: 'rule', ...r, place: where(of) })),
    ...outer.remarks.map(text => ({ type: 'remark', text })),
  ])
  return EXIT.ok
}
