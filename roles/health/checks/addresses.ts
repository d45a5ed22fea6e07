import { quote, type Finding, type Vip } from '../../../lib/index.ts'
import { healthy, list, type Cloud } from './cloud.ts'

/** Each VIP needs one holder, an answer, and a balancer that could take over. */
export function addresses(c: Cloud): Finding[] {
  return c.vips.flatMap(vip => addressFinding(c, vip))
}

function addressFinding(c: Cloud, vip: Vip): Finding[] {
  const all = c.in(vip.balancers)
  const asked = all.filter(n => c.of(n)?.balancer)
  const holders = asked.filter(n => c.of(n)?.balancer?.addresses.includes(vip.address))
  const unfit = asked.flatMap(n => {
    const b = c.of(n)?.balancer
    const why = [
      ...(b?.keepalived ? [] : ['keepalived does not run']),
      ...(b?.haproxy ? [] : ['haproxy does not answer']),
    ]
    return why.length > 0 ? [{ name: n, why: `${n}: ${list(why)}` }] : []
  })
  const { bad, asked: answers } = silentPorts(c, vip)
  const repair = `fmc play site --limit ${quote(vip.balancers)}`
  // The holder may be a balancer that --limit excludes.
  const some = all.length < c.all(vip.balancers).length
  if (some && holders.length === 0 && bad.length === 0) return []
  if (holders.length > 1)
    return [
      {
        level: 'broken',
        text: `${vip.name}: ${list(holders)} both hold ${vip.address}: connections break at random`,
        details: ['they do not hear each other (VRRP, IP protocol 112)'],
        hint: `systemctl stop keepalived on all but one of them; then ${repair}`,
      },
    ]
  if (holders.length === 0 && !some && (asked.length > 0 || bad.length > 0))
    return [
      {
        level: asked.length === all.length || bad.length > 0 ? 'broken' : 'degraded',
        text: `${vip.name}: no balancer that answers holds ${vip.address}`,
        details: [...unfit.map(u => u.why), ...bad],
        hint: repair,
      },
    ]
  if (bad.length > 0)
    return [
      {
        level: 'broken',
        text: `${vip.name}: no answer on ${vip.address}: ${vip.check === 'k3s' ? (healthy(c).length === 0 ? 'no server works, see there' : 'kubectl and new agents cannot reach the API through it (agents that run do not need it)') : 'users see nothing'}`,
        details: bad,
        hint: `its backends are ${list(c.all(vip.backends))}; ${repair}`,
      },
    ]
  if (unfit.length > 0)
    return [
      {
        level: 'degraded',
        text: `${vip.name}: ${list(holders)} holds it, and ${list(unfit.map(u => u.name))} could not take over`,
        details: unfit.map(u => u.why),
        hint: `fmc play site --limit ${unfit.map(u => u.name).join(',')}`,
      },
    ]
  const ports = answers > 0 ? `answers on ${vip.ports.join(', ')}` : 'was not asked from outside'
  return [
    {
      level: 'fine',
      text: `${vip.name}: ${vip.address} ${ports}${holders.length > 0 ? `; ${list(holders)} holds it` : ''}`,
    },
  ]
}

const isGood = (code: number): boolean => code > 0 && code < 500

/** Ports of a VIP that answer no host outside of the balancers, and how many hosts asked at all. */
function silentPorts(c: Cloud, vip: Vip): { readonly bad: string[]; readonly asked: number } {
  const bad: string[] = []
  let asked = 0
  for (const port of vip.ports) {
    const answers = c.hosts.flatMap(h => {
      const code = c.of(h.name)?.answers[`${vip.address}:${port}`]
      return code === undefined ? [] : [{ host: h.name, code }]
    })
    asked += answers.length
    const [first] = answers
    if (first && !answers.some(a => isGood(a.code)))
      bad.push(
        `${vip.address}:${port}: ${first.code > 0 ? `answers ${first.code}` : 'no answer'} (asked from ${list(answers.map(a => a.host))})`,
      )
  }
  return { bad, asked }
}
