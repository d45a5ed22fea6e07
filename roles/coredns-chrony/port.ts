import { ask, resource, TaskError, type Common, type Result } from '../../lib/index.ts'

/** A socket that listens on port 53. */
export interface Listener {
  readonly address: string
  /** `name (pid n)`, or `unknown`. */
  readonly process: string
}

/** Parses `ss -Hlntup`. Lines of other forms are left out. */
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
 * A listener other than CoreDNS that occupies port 53 of these addresses or of loopback. systemd-resolved's 127.0.0.53
 * and libvirt's dnsmasq on its own bridges do not.
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
        `${other.process} listens on port 53 of ${other.address}, which CoreDNS needs`,
        {
          hint: 'stop and disable it, or make it listen on other addresses only',
        },
      )
    return []
  },
})

/** Changes nothing. Throws TaskError that names a process other than CoreDNS on port 53 of these addresses or of loopback. */
export const portsAreFree = (addresses: readonly string[]): Promise<Result> => define({ addresses })
