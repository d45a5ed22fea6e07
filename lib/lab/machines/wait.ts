import { FmcError } from '../../errors.ts'
import { exec, type Result } from '../exec.ts'
import { netnsPath } from '../paths.ts'

/** Waits in parallel for the SSH greeting of every address. Prints the addresses that did not send it in time. */
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

/** Waits until all hosts answer on port 22. Throws an FmcError that names those that do not in time. */
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
      { hint: 'read hosts/NAME/console.log in the directory that fmc lab status names' },
    )
}

/** Exit code of timeout(1) when it ended its command. */
const TIMED_OUT = 124

/**
 * Waits until a machine has booted, with or without failed units. `machine` is the process id of its init, or a command
 * line that runs a command on it. Throws an FmcError that names the units that it waits for and those that failed.
 */
export const waitForBoot = async (
  name: string,
  machine: number | readonly string[],
  seconds: number,
): Promise<void> => {
  const inside =
    typeof machine === 'number' ? ['nsenter', '-t', String(machine), '-m', '-p', '-r'] : machine
  const systemctl = (limit: number, ...words: readonly string[]) =>
    exec(['timeout', String(limit), ...inside, 'systemctl', ...words], { allowFailure: true })
  const { code } = await systemctl(seconds, 'is-system-running', '--wait')
  if (code !== TIMED_OUT) return
  const [queued, failed] = await Promise.all([
    systemctl(10, 'list-jobs', '--plain', '--no-legend'),
    systemctl(10, 'list-units', '--failed', '--plain', '--no-legend'),
  ])
  const units = ({ stdout }: Result, column: number): string =>
    stdout
      .split('\n')
      .map(line => line.trim().split(/\s+/)[column])
      .filter(Boolean)
      .join(', ') || 'none'
  throw new FmcError(
    `${name} has not booted within ${seconds} s: it waits for ${units(queued, 1)}; failed: ${units(failed, 0)}`,
    { hint: `fmc lab shell ${name} -- 'systemctl list-jobs; journalctl -b'` },
  )
}
