import { EXIT } from '../../errors.ts'
import type { IdentityFact, SystemFact } from '../../facts/index.ts'
import type { Connected } from '../../ssh/types.ts'
import { cleanLine } from '../../text/sanitise.ts'
import type { Hide } from '../on-hosts.ts'
import {
  addHostsOptions,
  inLabIfAsked,
  noRoles,
  type AddCommand,
  type HostsOptions,
} from '../options.ts'
import { print } from '../print.ts'
import { jsonLines } from '../json-lines.ts'

/** `fmc facts PATTERN`: operating system, size and addresses of hosts, as the hosts give them, and how fmc reaches them. */
export const facts: AddCommand = (program, run) => {
  addHostsOptions(
    program
      .command('facts <pattern>')
      .description(
        'show operating system, size, addresses, and SSH transport and algorithms of hosts',
      ),
  ).action((pattern: string, o: HostsOptions) =>
    run(inLabIfAsked(o, () => printFacts(pattern, o), noRoles)),
  )
}

async function printFacts(pattern: string, o: HostsOptions): Promise<number> {
  const [{ ask, batch }, { onHosts }] = await Promise.all([
    import('../../facts/index.ts'),
    import('../on-hosts.ts'),
  ])
  let line: ((value: object) => void) | undefined
  const json = (value: object): void => {
    line ??= jsonLines()
    line(value)
  }
  return onHosts(pattern, o, async (host, session, hide) => {
    const questions = batch([ask('system', ''), ask('identity', '')])
    const answers = questions.parse(
      await session.run(questions.script, { marked: true }),
      session.word,
    )
    const system = answers.get('system:') as SystemFact
    const identity = answers.get('identity:') as IdentityFact
    const ssh = await session.connected()
    if (o.output === 'json')
      json(redacted({ type: 'facts', host: host.name, ...identity, ...system, ssh }, hide))
    else
      print(
        cleanLine(
          hide(
            `${host.name.padEnd(16)} ${system.os['PRETTY_NAME'] ?? system.os['ID'] ?? '?'}, Linux ${system.kernel} ${system.machine}, ${system.cpus} CPU, ${system.memoryMb} MB, ${identity.timezone || 'no time zone'}, ${system.addresses.join(' ')}; ${sshText(ssh)}`,
          ),
        ),
      )
    return EXIT.ok
  })
}

/** Transport and algorithms: `ssh2 (curve25519-sha256, ssh-ed25519, aes128-gcm@openssh.com)`. */
const sshText = ({ transport, why, kex, hostKey, cipher, mac }: Connected): string => {
  const names = [kex, hostKey, cipher, mac].filter(name => name !== undefined).join(', ')
  return `${transport}${why === undefined ? '' : `, as ssh2 does not support ${why}`} (${names})`
}

/** A JSON value whose texts have gone through `hide`. */
const redacted = (value: object, hide: Hide): object =>
  JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === 'string' ? hide(part) : part,
  ) as object
