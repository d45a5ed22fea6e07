import type { Advice, Advisor } from '../../lib/index.ts'
import { SERVERS } from '../shared/freeipa/names.ts'
import { unsupported } from './records.ts'
import type { Vars } from './vars.ts'

/** The installer wants 1.2 GB that are free (ipaserver/install/installutils.py, check_available_memory). */
const LEAST_MB = 2048

/** What `fmc lint` says. */
export function advise({ vars, host, inventory }: Advisor<Vars>): readonly Advice[] {
  const members = inventory.groups.get(SERVERS) ?? []
  const { memoryMb } = host
  return [
    ...(members.length > 1 && members.includes(host.name)
      ? [
          {
            at: ['groups', SERVERS],
            severity: 'error' as const,
            message: `fmc installs one FreeIPA server and no replicas, and ${SERVERS} has ${members.join(', ')}`,
            hint: 'leave one host in the group',
          },
        ]
      : []),
    ...(host.groups.includes('infra')
      ? [
          {
            severity: 'error' as const,
            message: `${host.name} is in the group infra, too, and CoreDNS and FreeIPA both need port 53`,
            hint: 'leave the host in one of the two groups',
          },
        ]
      : []),
    ...(inventory.domain.includes('.')
      ? []
      : [
          {
            at: ['domain'],
            severity: 'error' as const,
            message: `FreeIPA does not accept a domain of one word: ${inventory.domain}`,
            hint: 'for example cloud.internal',
          },
        ]),
    ...(memoryMb !== undefined && memoryMb < LEAST_MB
      ? [
          {
            at: ['hosts', host.name, 'memory'],
            message: `FreeIPA with its certificate authority needs 2 GB, and ${host.name} has ${memoryMb} MB`,
            hint: 'memory: 2GB; 4GB for more than a few hundred users',
          },
        ]
      : []),
    ...vars.dns_records.flatMap((record, i) => {
      const why = unsupported(record)
      return why === undefined
        ? []
        : [
            {
              variable: 'dns_records',
              within: [i],
              severity: 'error' as const,
              message: `${record.name} ${record.type}: ${why}`,
            },
          ]
    }),
  ]
}
