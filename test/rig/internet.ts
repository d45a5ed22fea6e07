// The Internet in front of a lab: a client there, and the house's router, in whose namespace fmc runs.
import type { Test } from 'tap'
import { hostOf } from '../../lib/lab/enter.ts'
import { leaderOf } from '../../lib/lab/machines/nspawn.ts'
import { run, type Ran, type Rig } from './lab.ts'

/** Somebody in the Internet, and the house's public address (RFC 5737). */
export const SOMEBODY = '198.51.100.1'
export const HOUSE = '198.51.100.254'

/**
 * Makes the lab's LAN a house behind a router that translates addresses: from outside, connections come in only through its
 * port forwards. `nft` is a running Flatcar host, whose nft is taken. Returns a program's run in somebody's place.
 */
export async function internet(
  t: Test,
  r: Rig,
  { nft, forwards = [] }: { nft: string; forwards?: readonly [port: number, to: string][] },
): Promise<(...argv: readonly string[]) => Promise<Ran>> {
  const { key, controllerNetns: router } = r.state
  const inet = `fmc-${key}-inet`
  t.teardown(() => run(['ip', 'netns', 'del', inet]))
  const lan = 'br0'
  await must(
    [
      `ip netns add ${inet}`,
      `ip link add inet0 netns ${router} type veth peer name eth0 netns ${inet}`,
      `ip -n ${router} addr add ${HOUSE}/24 dev inet0; ip -n ${router} link set inet0 up`,
      `ip -n ${inet} addr add ${SOMEBODY}/24 dev eth0; ip -n ${inet} link set eth0 up`,
      `ip -n ${inet} route add default via ${HOUSE}`,
    ].join('\n'),
  )
  const rules = `table ip house {
  chain in { type nat hook prerouting priority dstnat; ${forwards.map(([port, to]) => `iifname inet0 tcp dport ${port} dnat to ${to}`).join('; ')}
  }
  chain through { type filter hook forward priority filter
    ct state established,related accept
    iifname != ${lan} oifname ${lan} ct status dnat accept
    iifname != ${lan} oifname ${lan} drop
  }
  chain out { type nat hook postrouting priority srcnat; iifname ${lan} oifname != ${lan} masquerade
  }
}`
  const there = [
    'nsenter',
    '-t',
    String(leaderOf(hostOf(r.state, nft).pid)),
    '-m',
    `--net=/run/netns/${router}`,
  ]
  const { code, stderr } = await run([...there, 'nft', '-f', '-'], { input: rules })
  if (code !== 0) throw new Error(stderr)
  return (...argv) => run(['nsenter', `--net=/run/netns/${inet}`, ...argv])
}

async function must(script: string): Promise<void> {
  const { code, stderr } = await run(['sh', '-ec', script])
  if (code !== 0) throw new Error(stderr)
}
