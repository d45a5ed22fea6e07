import { ask, resource, TaskError, type Common, type Result } from '../../lib/index.ts'

/** A socket that listens, or receives datagrams. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  /** `name (pid n)`, or `unknown`. */
  readonly process: string
}

/** Parses `ss -Hlntup` (ss(8)). Lines of other forms are left out. */
export const parseListeners = (text: string): Listener[] =>
  text.split('\n').flatMap(line => {
    const [protocol, , , , local = '', ...rest] = line.trim().split(/\s+/)
    const [, where = '', port] = /^(.*):(\d{1,5})$/.exec(local) ?? []
    if ((protocol !== 'tcp' && protocol !== 'udp') || port === undefined) return []
    const found = /\(\("([^"]+)",pid=(\d+)/.exec(rest.slice(1).join(' '))
    return [
      {
        protocol,
        address: where.replace(/%.*$/, '').replace(/^\[(.*)\]$/, '$1'),
        port: Number(port),
        process: found ? `${found[1] ?? ''} (pid ${found[2] ?? ''})` : 'unknown',
      },
    ]
  })

/** A port that a service is going to listen on. */
export interface Port {
  /** The service, for people. */
  readonly service: string
  readonly port: number
  /** Default: both. */
  readonly protocol?: 'tcp' | 'udp'
  /** `any`: the service listens on every address. */
  readonly addresses: readonly string[] | 'any'
  /** How the names of the service's own processes begin. */
  readonly owners: readonly string[]
  /** The variable that sets the port. */
  readonly variable?: string
}

/** All addresses of IPv4; ss prints [::] for a socket of IPv6 alone (ss(8)). */
const ANY = ['*', '0.0.0.0']

/** The process of somebody else that keeps the service from listening. */
export const inTheWay = (listeners: readonly Listener[], wanted: Port): Listener | undefined =>
  listeners.find(
    l =>
      l.port === wanted.port &&
      (wanted.protocol === undefined || wanted.protocol === l.protocol) &&
      !wanted.owners.some(o => l.process.startsWith(o)) &&
      (wanted.addresses === 'any' || [...ANY, ...wanted.addresses].includes(l.address)),
  )

/** The error for a port that somebody else has; undefined: all are free, or the services' own. */
export function portTaken(
  listeners: readonly Listener[],
  ports: readonly Port[],
): TaskError | undefined {
  for (const wanted of ports) {
    const other = inTheWay(listeners, wanted)
    if (!other) continue
    const { service, port, variable } = wanted
    return new TaskError(
      `${other.process} listens on port ${port} of ${other.address}, which ${service} needs`,
      {
        hint: `${variable === undefined ? '' : `set ${variable} to a free port, or `}stop and disable it, or make it listen on other ${variable === undefined && wanted.addresses !== 'any' ? 'addresses' : 'ports'} only`,
      },
    )
  }
  return undefined
}

const QUESTION = 'ss -Hlntup'

const define = resource({
  name: ({ ports }: Common & { readonly ports: readonly Port[] }) =>
    `port ${[...new Set(ports.map(p => p.port))].join(', ')}`,
  needs: () => ({ now: ask('command', QUESTION, { code: 0, stdout: '', stderr: '' }) }),
  plan({ ports }, { now }) {
    const taken = portTaken(parseListeners(now.stdout), ports)
    if (taken) throw taken
    return []
  },
})

/**
 * Changes nothing. Throws TaskError that names the process of somebody else that has one of these ports; in a dry run too,
 * and before anything is written.
 */
export const portsAreFree = (...ports: readonly Port[]): Promise<Result> => define({ ports })
