import type { FarLab, Lab } from './lab.ts'
import { enterLab } from '../../lib/lab/enter.ts'
import { quote, quoteAll } from '../../lib/shell/quote.ts'
import { good, run, type Contender, type Run } from './measure.ts'
import { put, type Place } from './project.ts'
import { applyScript, checkScript } from './scripts.ts'

/** A shell loop: one fresh ssh per host, all at once, each with one script. Fails if one of them does. */
export function loop(
  key: string,
  knownHosts: string,
  places: readonly Pick<Place, 'address' | 'port'>[],
  script: string,
): string {
  const options = [
    '-F',
    'none',
    '-T',
    '-i',
    key,
    ...[
      'UserKnownHostsFile=' + knownHosts,
      'GlobalKnownHostsFile=none',
      'StrictHostKeyChecking=yes',
      'IdentitiesOnly=yes',
      'LogLevel=ERROR',
      'BatchMode=yes',
    ].flatMap(o => ['-o', o]),
  ]
  return `script=${quote(script)}
pids=
for host in ${places.map(p => `${p.address}:${p.port}`).join(' ')}; do
  ssh ${quoteAll(options)} -p "\${host#*:}" "root@\${host%:*}" "$script" </dev/null &
  pids="$pids $!"
done
bad=0
for pid in $pids; do wait "$pid" || bad=$?; done
exit $bad
`
}

const inLab = (lab: Lab, file: string): Promise<Run> => run(enterLab(lab.state, ['sh', file]))

const labLoop = (dir: string, lab: Lab, name: string, script: string): string =>
  put(dir, name, loop(lab.state.ssh.identityFile, lab.state.ssh.knownHostsFile, lab.places, script))

export const floor = (dir: string, lab: Lab): Contender => {
  const file = labLoop(dir, lab, `check-${lab.count}.sh`, checkScript())
  return { name: 'ssh loop', run: async () => good('the ssh loop', await inLab(lab, file)) }
}

export const farFloor = (dir: string, lab: Lab, far: FarLab): Contender => {
  const file = put(
    dir,
    'check-far.sh',
    loop(lab.state.ssh.identityFile, far.knownHosts, far.places, checkScript()),
  )
  return {
    name: 'ssh loop',
    run: async () => good('the ssh loop', await run(far.enter(['sh', file]))),
  }
}

/** The workload by hand on all hosts at once: the whole time, and what the slowest host took by its own clock. */
export async function applyByHand(
  dir: string,
  lab: Lab,
): Promise<{ readonly run: Run; readonly slowestHostMs: number }> {
  const file = labLoop(dir, lab, 'apply.sh', applyScript())
  const result = good('the script that applies by hand', await inLab(lab, file))
  const times = [...result.stdout.matchAll(/^took (\d+)$/gm)].map(m => Number(m[1]))
  if (times.length !== lab.count)
    throw new Error(`${times.length} of ${lab.count} hosts said how long it took\n${result.stdout}`)
  return { run: result, slowestHostMs: Math.max(...times) }
}
