import { createHash } from 'node:crypto'
import { backendOf } from '../shared/haproxy-admin.ts'
import { OWN_CURL } from '../shared/curl.ts'
import type { Balanced } from './balancing.ts'
import type { BalancerVars } from './vars.ts'

/** keepalived runs it as root, so only root may be able to write it and the directories above it. */
export const CHECK_SCRIPT = '/usr/libexec/keepalived/chk_haproxy'

export const KEEPALIVED_CONF = '/etc/keepalived/keepalived.conf'

/** First line of the role's files. It tells them from the samples that EL's packages put under the same names. */
export const MANAGED = '# Managed by fmc, role haproxy-keepalived.'

/** haproxy.cfg and its digest. */
export interface HaproxyCfg {
  readonly text: string
  /** haproxy's answer under /config once it runs this text. */
  readonly digest: string
}

const DIGEST = '@digest@'

/**
 * haproxy.cfg: one frontend and one backend for every port of every VIP, health and statistics on loopback. `socket`:
 * where fmc drains servers; only root may open it.
 */
export function haproxyCfg(
  vips: readonly Balanced[],
  vars: BalancerVars,
  socket: string,
): HaproxyCfg {
  const sections = [
    ...[head(vars), health(vars), admin(socket)],
    ...vips.flatMap(vip =>
      vip.ports.map((port, n) => forwarding(vip, port, vip.backendPorts[n] ?? port, vars)),
    ),
  ]
  const text = sections.join('\n')
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { text: text.replace(DIGEST, digest), digest }
}

const head = (vars: BalancerVars): string => `${MANAGED}
global
    log stderr format raw daemon info
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    maxconn ${vars.haproxy_maxconn}

defaults
    mode tcp
    log global
    option redispatch 1
    retries 2
    timeout connect ${vars.haproxy_connect_timeout}
    timeout client ${vars.haproxy_tcp_idle_timeout}
    timeout server ${vars.haproxy_tcp_idle_timeout}
    timeout client-fin 30s
    timeout server-fin 30s
    timeout queue 30s
    timeout check 2s
`

// No `monitor fail`: if /healthz counted backends, a dead cluster would make every balancer drop its VIPs.
const health = (vars: BalancerVars): string => `frontend health
    mode http
    no log
    bind 127.0.0.1:${vars.haproxy_health_port}
    timeout client 5s
    monitor-uri /healthz
    http-request return status 200 content-type text/plain string ${DIGEST} if { path /config }
    stats enable
    stats uri /stats
    stats refresh 10s
`

// A local user who could open it could take every server out.
const admin = (socket: string): string => `frontend admin
    mode http
    no log
    bind unix@${socket} user root group root mode 600
    timeout client 5s
    stats enable
    stats uri /
    stats admin if TRUE
`

/**
 * One answer 503, or one refused connection, takes a server out at once, and two good checks bring it back: a K3s that
 * restarts is back within a second or two, and answers 503 until its API is up.
 */
const K3S_LEAVES_AT_ONCE = 'fall 1 rise 2 observe layer4 error-limit 1 on-error mark-down'

// fastinter: a new process treats every backend as up until its first check, which comes within this time.
function forwarding(vip: Balanced, port: number, to: number, vars: BalancerVars): string {
  const k3s = vip.check === 'k3s'
  const idle = k3s ? vars.haproxy_k3s_idle_timeout : vars.haproxy_tcp_idle_timeout
  const name = backendOf(vip, port)
  const every = `inter ${vars.haproxy_check_seconds}s fastinter 1s ${k3s ? K3S_LEAVES_AT_ONCE : 'fall 3 rise 2'} on-marked-down shutdown-sessions`
  return [
    `frontend ${name}`,
    `    bind ${vip.address}:${port}`,
    '    option tcplog',
    '    option dontlognull',
    `    timeout client ${idle}`,
    `    default_backend ${name}`,
    '',
    `backend ${name}`,
    `    balance ${k3s ? 'leastconn' : 'roundrobin'}`,
    `    timeout server ${idle}`,
    ...(k3s ? K3S_CHECK : []),
    `    default-server check ${k3s ? 'check-ssl verify none ' : ''}${vip.proxyProtocol ? 'send-proxy-v2 check-send-proxy ' : ''}${every}`,
    ...vip.servers.map(s => `    server ${s.name} ${s.address}:${to}`),
    '',
  ].join('\n')
}

// K3s answers 503 before its apiserver is up, afterwards 401 without a token. /ping answers "pong" in both cases.
const K3S_CHECK = [
  // A single late answer takes a server out, so it may be later than elsewhere: a machine pauses while it is copied.
  '    timeout check 5s',
  '    option httpchk GET /readyz',
  '    http-check expect rstatus ^(200|401)$',
]

/** keepalived.conf: one VRRP instance for each VIP, with unicast to the other balancers, if there are any. */
export const keepalivedConf = (
  router: string,
  vips: readonly Balanced[],
  vars: BalancerVars,
): string => [globalDefs(router), ...vips.map(vip => instance(vip, vars))].join('\n')

// VRRP 3: intervals below a second, and backups learn the holder's, so a rolling change of it causes no failover.
const globalDefs = (router: string): string => `${MANAGED}
global_defs {
    router_id ${router}
    vrrp_version 3
    enable_script_security
    script_user root
}

vrrp_script chk_haproxy {
    script "${CHECK_SCRIPT}"
    interval 1
    timeout 1
    fall 2
    rise 2
}
`

// state BACKUP everywhere and nopreempt: a balancer that comes back does not take its VIPs back.
const instance = (vip: Balanced, vars: BalancerVars): string => `vrrp_instance ${vip.name} {
    state BACKUP
    nopreempt
    interface ${vip.device}
    virtual_router_id ${vip.vrid}
    priority ${vip.priority}
    advert_int ${vars.keepalived_advert_seconds}
${unicast(vip)}    virtual_ipaddress {
        ${vip.address}/${vip.prefix}
    }
    track_script {
        chk_haproxy
    }
}
`

const unicast = ({ source, peers }: Balanced): string =>
  peers.length === 0
    ? ''
    : `    unicast_src_ip ${source}
    unicast_peer {
${peers.map(p => `        ${p}\n`).join('')}    }
`

/** keepalived's health check: succeeds while this host's haproxy answers, whatever the state of its backends. */
export const checkScript = (vars: BalancerVars): string => `#!/bin/sh
${MANAGED}
# keepalived lets go of the virtual addresses while this fails.
exec /usr/bin/${OWN_CURL} -fsS -o /dev/null -m 1 http://127.0.0.1:${vars.haproxy_health_port}/healthz
`
