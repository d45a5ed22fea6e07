import { createHash } from 'node:crypto'
import type { Vars } from './vars.ts'
import type { Rr, Zone } from '../shared/dns/zones.ts'

export const COREFILE = '/etc/coredns/Corefile'
/** Where the file of a zone is. */
export const zonePath = (zone: string): string => `/etc/coredns/zones/db.${zone}`

/** Where CoreDNS answers health and readiness checks: on loopback only. */
const local = (port: number): string => `127.0.0.1:${port}`

/** Seconds for which resolvers may cache that a name does not exist (RFC 2308). */
const NEGATIVE_TTL = 60

const byName = (a: Rr, b: Rr): number => {
  const key = (r: Rr): string =>
    `${r.name
      .split('.')
      .reverse()
      .map(l => l.padStart(3, '0'))
      .join('.')} ${r.type} ${r.value}`
  return key(a) < key(b) ? -1 : 1
}

/** A zone file (RFC 1035, 5). Records are sorted, so that their order in the inventory does not change it. */
export function zoneFile(zone: Zone, serial: number, ttl: number): string {
  const owner = (name: string): string =>
    name === zone.name ? '@' : name.slice(0, -zone.name.length - 1)
  const line = (r: Rr): string =>
    [owner(r.name), ...(r.ttl === undefined ? [] : [r.ttl]), 'IN', r.type, r.value].join(' ')
  const servers = zone.records.filter(r => r.type === 'NS')
  const others = zone.records.filter(r => r.type !== 'NS').sort(byName)
  return [
    '; Managed by fmc. The serial rises when the content changes, and only then.',
    `$ORIGIN ${zone.name}.`,
    `$TTL ${ttl}`,
    `@ IN SOA ${zone.primary}. hostmaster.${domainOf(zone)}. (`,
    `  ${serial} ; serial`,
    `  7200 900 1209600 ${NEGATIVE_TTL} )`,
    ...servers.map(line),
    ...others.map(line),
    '',
  ].join('\n')
}

const domainOf = (zone: Zone): string => zone.primary.slice(zone.primary.indexOf('.') + 1)

/** What the Corefile is made from. */
export interface CorefileOptions {
  readonly zones: readonly string[]
  /** Addresses to listen on besides loopback. They are named one by one, because other resolvers may use other addresses. */
  readonly addresses: readonly string[]
  /** Networks that may ask. */
  readonly clients: readonly string[]
  readonly vars: Pick<
    Vars,
    | 'dns_upstreams'
    | 'dns_cache_seconds'
    | 'dns_corefile_extra'
    | 'dns_health_port'
    | 'dns_ready_port'
  >
}

/**
 * The Corefile. CoreDNS reads the zones on reload, not when their files change, so nothing takes effect before it is
 * validated. With `chaos` the server answers version.bind with a mark of the configuration that it runs.
 */
export function corefile(o: CorefileOptions): string {
  const text = (version: string): string =>
    [
      '# Managed by fmc',
      '(guard) {',
      `    bind 127.0.0.1 ${o.addresses.join(' ')}`,
      '    errors {',
      '        consolidate 5m ".*(i/o timeout|connection refused|network is unreachable)$"',
      '    }',
      '    acl {',
      `        allow net ${['127.0.0.0/8', ...o.clients].join(' ')}`,
      '        block',
      '    }',
      '}',
      ...o.zones.flatMap(zone => [
        `${zone} {`,
        '    import guard',
        `    file ${zonePath(zone)} {`,
        '        reload 0',
        '    }',
        '}',
      ]),
      '. {',
      '    import guard',
      `    chaos ${version}`,
      `    health ${local(o.vars.dns_health_port)}`,
      `    ready ${local(o.vars.dns_ready_port)}`,
      `    cache ${o.vars.dns_cache_seconds}`,
      `    forward . ${o.vars.dns_upstreams.join(' ')}`,
      '}',
      ...(o.vars.dns_corefile_extra === '' ? [] : [o.vars.dns_corefile_extra.trimEnd()]),
      '',
    ].join('\n')
  return text(`fmc-${createHash('sha256').update(text('')).digest('hex').slice(0, 12)}`)
}

/** The server's answer to version.bind with this Corefile. */
export const versionOf = (text: string): string => /^ {4}chaos (\S+)$/m.exec(text)?.[1] ?? ''

/** Where a server with this Corefile answers health checks. */
export const healthOf = (text: string): string => /^ {4}health (\S+)$/m.exec(text)?.[1] ?? ''

/** CoreDNS's unit: a user of its own, whose only capability is to bind port 53. */
export const corednsUnit = (binary: string): string => `# Managed by fmc
[Unit]
Description=CoreDNS: names of the cloud
Documentation=https://coredns.io/manual/toc/
After=network-online.target
Wants=network-online.target

[Service]
User=coredns
Group=coredns
ExecStart=${binary} -conf ${COREFILE}
ExecReload=/bin/kill -USR1 $MAINPID
Restart=on-failure
RestartSec=2
LimitNOFILE=1048576
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0077

[Install]
WantedBy=multi-user.target
`
