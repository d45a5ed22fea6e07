/**
 * Everything that authors of roles and playbooks import; nothing else is public. Each export is documented where it is
 * defined, so an editor shows options, units, errors and an example.
 */

// Define: playbooks, plays and roles, and what a playbook concludes.
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
export type { Advice, Advisor } from './inventory/role-vars.ts'
export type { Platforms } from './inventory/platform.ts'
/** zod, for the schema of a role's variables (https://zod.dev). */
export { z } from 'zod'
export { TaskError } from './errors.ts'

// Resources: declared states of one thing on a host, and the means to define more of them.
export { absent } from './resources/absent.ts'
export { archive } from './resources/archive.ts'
export { artifact, artifactPin } from './resources/artifact.ts'
export { directory } from './resources/directory.ts'
export { estimateFrom } from './resources/estimate-from.ts'
export { file } from './resources/file.ts'
export { filesystem, mount, mountUnitName } from './resources/storage.ts'
export { group, user } from './resources/account.ts'
export { hostname, timezone } from './resources/identity.ts'
export { kernelModule, sysctl } from './resources/kernel.ts'
export { line } from './resources/line.ts'
export { link } from './resources/link.ts'
export { newEachTime } from './resources/new-each-time.ts'
export { packages, type PackageSpec } from './resources/packages.ts'
export { reboot, rebootDue } from './resources/reboot.ts'
export { send } from './resources/send.ts'
export { service } from './resources/service.ts'
export { template, type TemplateValue } from './resources/template.ts'
export { timer } from './resources/timer.ts'
export { tree } from './resources/tree.ts'
export { unit } from './resources/unit.ts'
export { resource, type Common, type Result } from './resources/resource.ts'
export type { PlannedChange } from './resources/scope.ts'

// Acting: commands, handlers, and changes that a host undoes by itself.
export { $ } from './resources/command.ts'
export { flush } from './resources/flush.ts'
export { markOf } from './engine/role/marks.ts'
export { guarded, type GuardOptions } from './resources/guarded.ts'

// Asking: reading hosts, waiting for them, and checking what they print.
export { probe } from './resources/command.ts'
export { ask, type Facts, type Query } from './facts/index.ts'
export { gate, type Check } from './resources/gate.ts'
export { waitFor } from './resources/wait-for.ts'
export { begun, observe } from './resources/observe.ts'
export { excerpt, hostItems, hostJson, nonsense } from './facts/host-data.ts'

// Hosts: the inventory, and parts of a role on other hosts.
export { addressIn, host, hosts, inventory, on, vips } from './resources/inventory.ts'
export { matchHosts } from './inventory/patterns.ts'
export { tryOn, type Tried } from './resources/try-on.ts'
export { willExist } from './resources/will-exist.ts'
export { knownHostKeys, loginKeys, newHostKey, type HostKey } from './resources/host-key.ts'
export type { Disk, GivenSsh, Host, Inventory, Network, Nic, Os, Vip } from './inventory/types.ts'

// Networks: addresses, devices and firewall rules.
export {
  contains,
  formatIpv4,
  isHostAddress,
  overlaps,
  parseCidr,
  parseIpv4,
  type Block,
} from './inventory/net.ts'
export { bridgeMacOf, bridgeOf, macOf, stableMac } from './inventory/devices.ts'
export { isLoopback } from './firewall/endpoint.ts'
export { decide, rulesOf, type RuleSet } from './firewall/rules.ts'
export { nftText } from './firewall/nft.ts'

// Secrets.
export { Secret, secret, reveal } from './secrets/secret.ts'
export { readSecret } from './resources/remote.ts'

// The controller: files on the machine that runs fmc.
export { keep, keptAt } from './resources/keep.ts'
export { localFile, type LocalContent } from './resources/local-file.ts'

// Text: shell words and YAML.
export { asUser } from './shell/as-user.ts'
export { quote, quoteAll } from './shell/quote.ts'
export { unitLog } from './shell/unit-log.ts'
export { yaml } from './resources/remote.ts'
