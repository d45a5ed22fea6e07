import { fmcInLab, type FmcRun, type Rig } from './lab.ts'

export const ROLE = 'haproxy-keepalived'
export const API = '192.168.0.32'
export const WEB = '192.168.0.33'

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
  const ran = await r.inLan('env', ...env, ...fmcInLab(inventory, ...args))
  return { ...(ran as unknown as FmcRun), text: ran.stdout + ran.stderr }
}
