import { enterLab, sshCommand } from '../enter.ts'
import { exec } from '../exec.ts'
import { changeCables } from '../network/cables.ts'
import { isRouted, type HostPlan } from '../network/topology.ts'
import type { LabHost, LabState } from '../state.ts'
import { leaderOf } from './nspawn.ts'
import { cablesText } from './router.ts'

/**
 * Runs inside the machine, so that no link of its tree leads out of it. Reads lines of stdin: `-TEXT` goes out of /etc/hosts,
 * `+TEXT` into it; `cTEXT` and `rTEXT` are the lines of /etc/fmc-lab/cables and of /etc/fmc-lab/routes; `dTO VIA` and
 * `aTO VIA` delete and add a route.
 */
const SCRIPT = `
set -eu
cd /etc
while IFS= read -r line; do
  text=\${line#?}
  case $line in
  -*) { grep -vxF -e "$text" hosts || :; } >hosts.fmc-lab; cat hosts.fmc-lab >hosts; rm hosts.fmc-lab ;;
  +*) grep -qxF -e "$text" hosts || printf '%s\\n' "$text" >>hosts ;;
  c*) printf '%s\\n' "$text" >>fmc-lab/cables.new ;;
  r*) printf '%s\\n' "$text" >>fmc-lab/routes.new ;;
  d*) ip route del "\${text% *}" via "\${text#* }" 2>/dev/null || : ;;
  a*) ip route replace "\${text% *}" via "\${text#* }" ;;
  esac
done
for file in cables routes; do
  [ ! -e fmc-lab/$file.new ] || mv fmc-lab/$file.new fmc-lab/$file
done
`

/**
 * Gives a running host what has changed around it: names in /etc/hosts, routes, and the cables of the networks that it routes.
 * It may be repeated after an interruption.
 */
export const adjust = async (lab: LabState, host: LabHost, now: HostPlan): Promise<void> => {
  const before = host.recipe.place
  const lines = host.vm
    ? [...nameLines(before, now), ...routeLines(before, now)]
    : [...nameLines(before, now), ...cableLines(now)]
  const leader = leaderOf(host.pid)
  const inside = host.vm
    ? enterLab(lab, sshCommand(lab, host.name, [SCRIPT]))
    : ['nsenter', '-t', String(leader), '-m', '-p', '-r', 'sh', '-c', SCRIPT]
  if (lines.length > 0) await exec(inside, { input: lines.map(line => `${line}\n`).join('') })
  if (!host.vm) await changeCables(before, now)
}

const nameLines = (before: HostPlan, now: HostPlan): string[] => [
  ...before.names.filter(name => !now.names.includes(name)).map(name => `-${name}`),
  ...now.names.map(name => `+${name}`),
]

const cableLines = ({ links }: HostPlan): string[] =>
  links.some(isRouted)
    ? cablesText(links)
        .trimEnd()
        .split('\n')
        .map(line => `c${line}`)
    : []

const routeLines = (before: HostPlan, now: HostPlan): string[] => {
  const text = (routes: HostPlan['routes']) => routes.map(({ to, via }) => `${to} ${via}`)
  const [old, fresh] = [text(before.routes), text(now.routes)]
  return [
    ...old.filter(route => !fresh.includes(route)).map(route => `d${route}`),
    ...fresh.map(route => `a${route}`),
    ...fresh.map(route => `r${route}`),
  ]
}
