import { FmcError } from '../errors.ts'
import { exec } from './exec.ts'
import { netnsPath } from './paths.ts'

/** Waits in parallel for the SSH greeting of every address; prints those that never gave it. */
const GREETING = `
limit=$1; shift
for address; do
  (
    while [ "$SECONDS" -lt "$limit" ]; do
      if timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r -t 2 line <&3 && [[ $line == SSH-* ]]' "$address" 2>/dev/null
      then exit 0; fi
      sleep 0.05
    done
    echo "$address"
  ) &
done
wait
`

/** Waits until all hosts answer on port 22, seen from fmc's place; names those that do not in time. */
export const waitForSsh = async (
  controllerNetns: string,
  hosts: readonly { readonly name: string; readonly address: string }[],
  seconds: number,
): Promise<void> => {
  if (hosts.length === 0) return
  const addresses = hosts.map(host => host.address)
  const { stdout } = await exec([
    'nsenter',
    `--net=${netnsPath(controllerNetns)}`,
    ...['bash', '-c', GREETING, 'bash', String(seconds), ...addresses],
  ])
  const silent = hosts.filter(host => stdout.split('\n').includes(host.address))
  if (silent.length > 0)
    throw new FmcError(
      `no SSH answer within ${seconds} s from ${silent.map(h => h.name).join(', ')}`,
      { hint: 'their consoles: fmc lab status names the directory, hosts/<name>/console.log' },
    )
}

/**
 * Waits until a machine's init has finished booting (or says that a unit failed): from this machine by
 * the id of that process, else by a command line that runs a command on the machine.
 */
export const waitForBoot = async (machine: number | readonly string[]): Promise<void> => {
  const inside =
    typeof machine === 'number' ? ['nsenter', '-t', String(machine), '-m', '-p', '-r'] : machine
  await exec([...inside, 'systemctl', 'is-system-running', '--wait'], { allowFailure: true })
}
