import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT, type FmcRun, type Rig } from './lab.ts'

export const ROLE = 'haproxy-keepalived'
export const API = '192.168.0.32'
export const WEB = '192.168.0.33'

/** Asks until the answer is true; gives the milliseconds it took, and fails after the limit. */
export async function until(
  what: () => Promise<boolean>,
  seconds: number,
  name: string,
): Promise<number> {
  const start = performance.now()
  while (!(await what())) {
    if (performance.now() - start > seconds * 1000)
      throw new Error(`${name}: not within ${seconds} s`)
    await sleep(50)
  }
  return performance.now() - start
}

/** Names of the balancers that hold an address, from the balancers themselves. */
export async function holders(
  r: Rig,
  address: string,
  names = ['loadbalancer1', 'loadbalancer2'],
): Promise<string[]> {
  const held = await Promise.all(names.map(n => r.text(n, 'ip -4 -o addr show')))
  return names.filter((_, i) => held[i]?.includes(` ${address}/`))
}

/** fmc inside of a running lab, without booting what an inventory has more. */
export async function inside(
  r: Rig,
  inventory: string,
  ...args: string[]
): Promise<FmcRun & { text: string }> {
  const env = [`FMC_INSIDE_LAB=${r.name}`, `FMC_LAB=${r.name}`, 'NO_COLOR=1']
  const argv = [
    'env',
    ...env,
    process.execPath,
    join(ROOT, 'lib/bin.js'),
    ...args,
    '-i',
    inventory,
    '--lab',
    '--output',
    'json',
  ]
  const ran = await r.inLan(...argv)
  return { ...(ran as unknown as FmcRun), text: ran.stdout + ran.stderr }
}
