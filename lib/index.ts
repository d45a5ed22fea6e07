/** All that authors of roles and playbooks import; nothing else is public. */
export { z } from 'zod'
export { excerpt, hostItems, hostJson, nonsense } from './facts/host-data.ts'
export { ask, type Facts, type Query } from './facts/index.ts'
export { TaskError } from './errors.ts'
export { bridgeMacOf, bridgeOf, macOf, stableMac } from './inventory/devices.ts'
export {
  contains,
  formatIpv4,
  isHostAddress,
  overlaps,
  parseCidr,
  parseIpv4,
  type Block,
} from './inventory/net.ts'
export { matchHosts } from './inventory/patterns.ts'
export type { Platforms } from './inventory/platform.ts'
export type { Disk, Host, Inventory, Network, Nic, Os, Vip } from './inventory/types.ts'
export { nftText } from './firewall/nft.ts'
export { decide, rulesOf, type RuleSet } from './firewall/rules.ts'
export type { Advice, Advisor } from './inventory/role-vars.ts'
export { Secret, secret, reveal } from './secrets/secret.ts'
export { asUser } from './shell/as-user.ts'
export { quote, quoteAll } from './shell/quote.ts'
export { unitLog } from './shell/unit-log.ts'
export {
  all,
  play,
  playbook,
  together,
  type Conclude,
  type Findings,
  type Invariant,
  type Play,
  type Playbook,
} from './engine/define/playbook.ts'
export { role, type Role } from './engine/define/role.ts'
export type { Finding, Page } from './engine/events.ts'
export { absent } from './resources/absent.ts'
export { group, user } from './resources/account.ts'
export { artifact, artifactPin } from './resources/artifact.ts'
export { $, probe } from './resources/command.ts'
export { directory } from './resources/directory.ts'
export { file } from './resources/file.ts'
export { flush } from './resources/flush.ts'
export { gate, type Check } from './resources/gate.ts'
export { guarded, type GuardOptions } from './resources/guarded.ts'
export { knownHostKeys, loginKeys, newHostKey, type HostKey } from './resources/host-key.ts'
export { hostname, timezone } from './resources/identity.ts'
export { addressIn, host, hosts, inventory, on, vips } from './resources/inventory.ts'
export { kernelModule, sysctl } from './resources/kernel.ts'
export { keep, keptAt } from './resources/keep.ts'
export { line } from './resources/line.ts'
export { link } from './resources/link.ts'
export { localFile, type LocalContent } from './resources/local-file.ts'
export { begun, observe } from './resources/observe.ts'
export { packages } from './resources/packages.ts'
export { reboot, rebootDue } from './resources/reboot.ts'
export { readSecret, yaml } from './resources/remote.ts'
export { resource, type Common, type Result } from './resources/resource.ts'
export type { PlannedChange } from './resources/scope.ts'
export { send } from './resources/send.ts'
export { service } from './resources/service.ts'
export { filesystem, mount, mountUnitName } from './resources/storage.ts'
export { unit } from './resources/unit.ts'
export { willExist } from './resources/will-exist.ts'
