// Ports that somebody else has: who it is, and what to do.
import t from 'tap'
import { k3sPorts } from '../../roles/shared/k3s/ports.ts'
import { inTheWay, parseListeners, portTaken, type Port } from '../../roles/shared/ports.ts'
import { tunnelPort } from '../../roles/wireguard/foreign.ts'

const ss = (process: string, local: string, protocol = 'udp') =>
  `${protocol} ${protocol === 'udp' ? 'UNCONN' : 'LISTEN'} 0 0 ${local} 0.0.0.0:* users:(("${process}",pid=7,fd=12))`
const found = (...lines: readonly string[]) => parseListeners(`${lines.join('\n')}\n`)

void t.test('port 53', t => {
  const dns: Port = {
    service: 'CoreDNS',
    port: 53,
    addresses: ['127.0.0.1', '10.17.3.11'],
    owners: ['coredns '],
  }
  const judged = (...lines: readonly string[]) => inTheWay(found(...lines), dns)?.process
  for (const [line, who] of [
    [ss('coredns', '10.17.3.11:53'), undefined],
    [ss('coredns', '127.0.0.1:53'), undefined],
    [ss('systemd-resolve', '127.0.0.53%lo:53'), undefined],
    [ss('dnsmasq', '192.168.122.1:53'), undefined],
    [ss('dnsmasq', '10.17.3.11:5353'), undefined],
    [ss('dnsmasq', '0.0.0.0:53'), 'dnsmasq (pid 7)'],
    [ss('named', '10.17.3.11:53', 'tcp'), 'named (pid 7)'],
    [ss('named', '*:53'), 'named (pid 7)'],
    [ss('named', '[::]:53'), undefined],
    [ss('unbound', '*:53'), 'unbound (pid 7)'],
    ['udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*', 'unknown'],
    ['', undefined],
    ['nl UNCONN 0 0 0:53 *', undefined],
  ] as const)
    t.equal(judged(line), who, line)
  t.end()
})

void t.test('the error names the owner, and the variable if there is one', t => {
  const health: Port = {
    service: 'CoreDNS',
    port: 8080,
    protocol: 'tcp',
    addresses: ['127.0.0.1'],
    owners: ['coredns '],
    variable: 'dns_health_port',
  }
  t.match(portTaken(found(ss('docker-proxy', '0.0.0.0:8080', 'tcp')), [health]), {
    message: 'docker-proxy (pid 7) listens on port 8080 of 0.0.0.0, which CoreDNS needs',
    hint: /^set dns_health_port to a free port, or stop/,
  })
  t.equal(portTaken(found(ss('x', '127.0.0.1:8080', 'udp')), [health]), undefined)
  t.equal(portTaken(found(ss('x', '10.17.3.11:8080', 'tcp')), [health]), undefined)
  const ntp = {
    ...health,
    service: 'chrony',
    port: 123,
    protocol: 'udp',
    addresses: 'any',
  } as const
  t.match(portTaken(found(ss('ntpd', '10.17.3.11:123')), [{ ...ntp, owners: ['chronyd '] }]), {
    message: /^ntpd \(pid 7\) listens on port 123/,
  })
  t.equal(
    portTaken(found(ss('chronyd', '0.0.0.0:123')), [{ ...ntp, owners: ['chronyd '] }]),
    undefined,
  )
  t.end()
})

void t.test('what listens in the kernel', t => {
  const wireguard = tunnelPort(51820)
  const kernel = 'udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*'
  t.equal(portTaken(found(kernel), [wireguard]), undefined)
  t.equal(portTaken(found(ss('wireguard-go', '*:51820')), [wireguard]), undefined)
  t.match(portTaken(found(ss('openvpn', '10.8.0.1:51820')), [wireguard]), {
    message: 'openvpn (pid 7) listens on port 51820 of 10.8.0.1, which WireGuard needs',
  })
  t.end()
})

void t.test('K3s', t => {
  const own = found(
    ss('k3s-server', '*:6443', 'tcp'),
    ss('k3s-server', '10.17.4.21:2379', 'tcp'),
    ss('k3s-server', '*:10250', 'tcp'),
  )
  t.equal(portTaken(own, k3sPorts('server')), undefined)
  t.match(portTaken(found(ss('haproxy', '10.17.4.32:6443', 'tcp')), k3sPorts('server')), {
    message: /^haproxy \(pid 7\) listens on port 6443 of 10\.17\.4\.32, which K3s needs/,
  })
  t.equal(portTaken(found(ss('haproxy', '10.17.4.32:6443', 'tcp')), k3sPorts('agent')), undefined)
  t.match(portTaken(found(ss('kubelet', '*:10250', 'tcp')), k3sPorts('agent')), {
    message: /^kubelet/,
  })
  t.end()
})
