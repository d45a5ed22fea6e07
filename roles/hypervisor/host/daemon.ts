import { ask, quoteAll, resource, TaskError, type Common, type Result } from '../../../lib/index.ts'

interface Options extends Common {
  readonly name: string
}

/** libvirt's daemons stop when idle: what must be active is the socket that starts them. */
const define = resource({
  name: (o: Options) => `daemon ${o.name}`,
  // Only a running libvirt can be asked.
  opaque: true,
  needs: o => ({
    service: ask('unit', `${o.name}.service`),
    socket: ask('unit', `${o.name}.socket`),
  }),
  plan({ name }, { service, socket }, { doubt }) {
    const units = [`${name}.service`, `${name}.socket`] as const
    for (const [n, { load }] of [service, socket].entries()) {
      if (load === 'masked')
        throw new TaskError(`${units[n]} is masked`, { hint: `systemctl unmask ${units[n]}` })
      if (load === 'not-found' && !doubt) throw new TaskError(`there is no unit ${units[n]}`)
    }
    const enabled = [service, socket].every(u => u.enabled === 'enabled')
    const up = socket.active === 'active' || service.active === 'active'
    const factsAfter = [
      [ask('unit', units[0]), { ...service, load: 'loaded', enabled: 'enabled' }],
      [ask('unit', units[1]), { ...socket, load: 'loaded', enabled: 'enabled', active: 'active' }],
    ] as const
    return [
      ...(enabled
        ? []
        : [{ what: 'enable', script: `systemctl -q enable -- ${quoteAll(units)}`, factsAfter }]),
      ...(up ? [] : [{ what: 'start', script: `systemctl start -- ${units[1]}`, factsAfter }]),
    ]
  },
})

/** A daemon of libvirt that starts on demand, and starts at boot what is set to autostart. */
export const daemon = (name: string): Promise<Result> => define({ name })
