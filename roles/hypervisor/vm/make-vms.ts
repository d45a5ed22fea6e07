import {
  ask,
  begun,
  directory,
  gate,
  host as here,
  newHostKey,
  probe,
  quoteAll,
  resource,
  TaskError,
  willExist,
  type Common,
  type Host,
} from '../../../lib/index.ts'
import { canBeMissing } from './recreate.ts'
import { answering, lastWords } from './answers.ts'
import { libvirtSays } from '../host/virsh.ts'
import { image } from './images.ts'
import type { Machine } from './domain.ts'
import { noOldVm, ownOf, runningVm, stays } from './vm-resource.ts'
import type { Platform } from '../platform.ts'
import { DOMAINS, NO_VIRSH, domainsNow, readDomains, type FoundDomain } from './survey.ts'
import type { Vars } from '../vars.ts'
import { vmsOf } from './selection.ts'
import { roomFor, storagePool } from './volumes.ts'
import { declaredVm, markOf, rootOf, type DeclaredVm } from './declared.ts'

/** The VMs of this hypervisor: creates missing ones, starts them, and waits until they answer with their host keys. */
export async function makeVms(vars: Vars, platform: Platform): Promise<void> {
  const pool = vars.hypervisor_pool_path
  const wanted = vmsOf(here(), vars)
  for (const dir of platform.directories) await directory(dir)
  await storagePool({ path: pool })
  if (wanted.length === 0) return
  const found = await domainsNow()
  const due = await dueOf(wanted, found, vars)
  if (due.length > 0) await prepare(due, found ?? [], vars, platform)
  for (const vm of wanted) await oneMachine(vm, due.includes(vm), vars, platform)
  await gate('the VMs answer over SSH with the keys they were given', () => answering(wanted), {
    timeoutSeconds: vars.hypervisor_boot_seconds,
    everySeconds: 2,
    evidence: () => lastWords(wanted),
  })
}

const named = (found: readonly FoundDomain[], { name }: Host): FoundDomain | undefined =>
  found.find(d => d.name === name)

/** A VM older than this (ms since 1970) is recreated in this run; undefined: it is not. */
const recreateBefore = ({ name }: Host, vars: Vars): number | undefined =>
  vars.hypervisor_recreate.includes(name) ? begun().getTime() : undefined

/**
 * The VMs to create or recreate. If libvirt does not run yet, a VM with a root disk and no mark counts as existing:
 * libvirt will know it once it runs.
 */
async function dueOf(
  wanted: readonly Host[],
  found: readonly FoundDomain[] | undefined,
  vars: Vars,
): Promise<readonly Host[]> {
  if (found) return wanted.filter(h => !stays(named(found, h), recreateBefore(h, vars)))
  const pool = vars.hypervisor_pool_path
  const files = wanted.flatMap(({ name }) => [rootOf(pool, name), markOf(pool, name)])
  const { stdout } = await probe({
    estimate: false,
  })`for f in ${files}; do [ ! -e "$f" ] || echo "$f"; done`
  const there = stdout.split('\n')
  const known = wanted.filter(
    ({ name }) => there.includes(rootOf(pool, name)) && !there.includes(markOf(pool, name)),
  )
  const old = known.find(h => recreateBefore(h, vars) !== undefined)
  if (old)
    throw new TaskError(`libvirt is down: cannot tell when ${old.name} was created`, {
      hint: 'run this without hypervisor_recreate first: it starts libvirt',
    })
  return wanted.filter(h => !known.includes(h))
}

/** Checks, before the first machine is created, everything that could prevent it. */
async function prepare(
  due: readonly Host[],
  found: readonly FoundDomain[],
  vars: Vars,
  platform: Platform,
): Promise<void> {
  const wanted = await Promise.all(due.map(h => declaredVm(h, vars, platform)))
  const locked = wanted.find(o => o.authorized.length === 0)
  if (locked)
    throw new TaskError(`no user could log in to ${locked.machine.name}: there is no public key`, {
      hint: 'set hypervisor_authorized_keys; default: the .pub beside ssh identity_file, else beside ~/.ssh/id_ed25519, id_ecdsa and id_rsa',
    })
  await namesAndAddressesAreFree({ machines: wanted.map(o => o.machine) })
  const recreated = vars.hypervisor_recreate
  if (due.some(h => named(found, h) !== undefined))
    await gate(`${recreated.join(', ')} can be missing`, () => canBeMissing(recreated), {
      timeoutSeconds: 0,
    })
  await roomFor({
    path: vars.hypervisor_pool_path,
    rootGb: wanted.reduce((sum, o) => sum + growth(o, found), 0),
    data: wanted.flatMap(o => o.volumes.slice(1)),
    overcommit: vars.hypervisor_overcommit,
  })
}

/** By how much a root disk may grow beyond the one that it replaces, in GB. */
function growth(
  { machine: { name }, volumes: [root] }: DeclaredVm,
  found: readonly FoundDomain[],
): number {
  const old = found.find(d => d.name === name)?.notes?.disks[root?.file ?? ''] ?? 0
  return Math.max(0, (root?.gigabytes ?? 0) - old)
}

/** Checks that the names, MACs and addresses of new machines are free. Changes nothing. */
const namesAndAddressesAreFree = resource({
  name: (o: Common & { readonly machines: readonly Machine[] }) =>
    `names and addresses of ${o.machines.map(m => m.name).join(', ')}`,
  needs: o => ({ domains: DOMAINS, ping: ask('command', ping(o.machines.flatMap(addressesOf))) }),
  plan(o, { domains, ping: answer }, { doubt }) {
    const said = libvirtSays(domains, doubt)
    // While libvirt does not run, the VM itself may be what answers.
    if (said === undefined && domains.code !== NO_VIRSH) return []
    const all = readDomains(said ?? '')
    const answering = answer.stdout.split('\n')
    for (const m of o.machines) {
      const taken = addressesOf(m).find(address => answering.includes(address))
      if (ownOf(m, all) === undefined && taken !== undefined)
        throw new TaskError(
          `${taken}, the address of ${m.name}, answers already, but there is no VM ${m.name} here`,
          { hint: 'another machine has this address: change one of the two' },
        )
    }
    return []
  },
})

const addressesOf = (m: Machine): readonly string[] =>
  m.notes.guest.nics.map(nic => nic.address.split('/')[0] ?? '')

/** Prints the addresses that answer, asking all at the same time. */
const ping = (addresses: readonly string[]): string =>
  `for a in ${quoteAll(addresses)}; do { ! ping -n -q -c 1 -W 1 "$a" >/dev/null 2>&1 || printf '%s\\n' "$a"; } & done; wait`

/** One VM. Only a new one needs an image and a host key. */
async function oneMachine(vm: Host, due: boolean, vars: Vars, platform: Platform): Promise<void> {
  if (!due) {
    await runningVm(await declaredVm(vm, vars, platform))
    return
  }
  const options = await declaredVm(vm, vars, platform, await image(vm, vars.hypervisor_pool_path))
  const madeBefore = recreateBefore(vm, vars)
  if (madeBefore !== undefined) await noOldVm({ ...options, madeBefore })
  const key = await newHostKey(vm)
  willExist(vm)
  await runningVm({ ...options, key })
}
