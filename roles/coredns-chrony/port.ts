import { ask, resource, TaskError, type Common, type Result } from '../../lib/index.ts'

export interface Listener {
  readonly address: string
  /** `name (pid n)`, as far as the host tells. */
  readonly process: string
}

/** Parses `ss -Hlntup`. */
export const parseListeners = (text: string): Listener[] =>
  text
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(words => words.length >= 6 && /^(tcp|udp)$/.test(words[0] ?? ''))
    .map(words => {
      const found = /\(\("([^"]+)",pid=(\d+)/.exec(words.slice(6).join(' '))
      const address = (words[4] ?? '')
        .replace(/:\d+$/, '')
        .replace(/^\[(.*)\]$/, '$1')
        .replace(/%.*$/, '')
      return { address, process: found ? `${found[1] ?? ''} (pid ${found[2] ?? ''})` : 'unknown' }
    })

/**
 * Of the listeners on port 53 one that stands in the way of these addresses. systemd-resolved's 127.0.0.53 and
 * libvirt's dnsmasq on its own bridges do not; whoever listens everywhere does.
 */
export const inTheWay = (
  listeners: readonly Listener[],
  addresses: readonly string[],
): Listener | undefined =>
  listeners.find(
    l =>
      !l.process.startsWith('coredns ') &&
      ['*', '0.0.0.0', '::', '127.0.0.1', ...addresses].includes(l.address),
  )

const define = resource({
  name: (_: Common & { readonly addresses: readonly string[] }) => 'port 53',
  needs: () => ({
    now: ask('command', "ss -Hlntup 'sport = :53'", { code: 0, stdout: '', stderr: '' }),
  }),
  plan({ addresses }, { now }) {
    const other = inTheWay(parseListeners(now.stdout), addresses)
    if (other)
      throw new TaskError(
        `${other.process} listens on port 53 of ${other.address}, where CoreDNS shall answer`,
        {
          hint: 'stop and disable it, or let it listen on other addresses only',
        },
      )
    return []
  },
})

/** Port 53 of these addresses and of loopback belongs to nobody else. Changes nothing; throws TaskError that names the holder. */
export const portsAreFree = (addresses: readonly string[]): Promise<Result> => define({ addresses })
