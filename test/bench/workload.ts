/** What every contender brings the hosts to: 15 tasks and 3 handlers, as a small web host has them. */
export const PACKAGES = ['haproxy', 'nginx-light', 'cron', 'tree'] as const
export const GROUP = 'bench'
export const USER = { name: 'bench', shell: '/usr/sbin/nologin', home: '/var/lib/bench' } as const
export const DIRECTORIES = [
  { path: '/etc/bench', mode: '0755', owner: 'root', group: 'root' },
  { path: '/var/lib/bench', mode: '0750', owner: 'bench', group: 'bench' },
] as const
export const LINE = { path: '/etc/hosts', text: '10.98.0.250 api.bench.internal' } as const
export const SERVICES = ['haproxy', 'nginx', 'cron'] as const

export interface WorkFile {
  /** Its name among the peers' files. */
  readonly source: string
  readonly path: string
  readonly mode: string
  readonly content: string
  /** `%s` is the candidate. */
  readonly validate?: string
  readonly handler?: keyof typeof HANDLERS
}

export const HANDLERS = {
  'load sysctl': 'sysctl -q -p /etc/sysctl.d/90-bench.conf',
  'reload haproxy': 'systemctl reload-or-restart haproxy',
  'reload nginx': 'systemctl reload-or-restart nginx',
} as const

const haproxy = `global
  maxconn 256
  nbthread 1
  user haproxy
  group haproxy
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend api
  bind *:6443
  default_backend servers
backend servers
  server n1 10.98.0.251:6443
  server n2 10.98.0.252:6443
`

const nginx = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  server {
    listen 8080;
    location / { return 200 "bench\\n"; }
  }
}
`

export const FILES: readonly WorkFile[] = [
  {
    source: '90-bench.conf',
    path: '/etc/sysctl.d/90-bench.conf',
    mode: '0644',
    content: 'net.ipv4.ip_nonlocal_bind = 1\n',
    handler: 'load sysctl',
  },
  {
    source: 'haproxy.cfg',
    path: '/etc/haproxy/haproxy.cfg',
    mode: '0644',
    content: haproxy,
    validate: 'haproxy -q -c -f %s',
    handler: 'reload haproxy',
  },
  {
    source: 'nginx.conf',
    path: '/etc/nginx/nginx.conf',
    mode: '0644',
    content: nginx,
    validate: 'nginx -q -t -c %s',
    handler: 'reload nginx',
  },
  {
    source: 'bench.sudoers',
    path: '/etc/sudoers.d/bench',
    mode: '0440',
    content: 'bench ALL=(root) NOPASSWD: /usr/bin/systemctl reload haproxy\n',
    validate: 'visudo -cqf %s',
  },
  {
    source: 'bench-check',
    path: '/usr/local/bin/bench-check',
    mode: '0755',
    content: '#!/bin/sh\nexec wget -qO- http://127.0.0.1:8080/\n',
  },
  {
    source: 'bench.cron',
    path: '/etc/cron.d/bench',
    mode: '0644',
    content: '*/5 * * * * bench /usr/local/bin/bench-check >/dev/null 2>&1\n',
  },
]

const DIR = '/run/many'

/** 15 tasks for many light hosts: all is in a file system of the host's own. */
export const MANY = {
  directories: [DIR, ...['a', 'b', 'c'].map(name => `${DIR}/${name}`)],
  files: Array.from({ length: 10 }, (_, i) => ({
    path: `${DIR}/${'abc'[i % 3] ?? 'a'}/${i}.conf`,
    content: `setting = ${i}\n`.repeat(20),
  })),
  links: [{ path: `${DIR}/current`, to: 'a/0.conf' }],
} as const
