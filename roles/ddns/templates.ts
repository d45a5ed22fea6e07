import type { Vars } from './vars.ts'

/** What the script reads, as JSON. */
export const CONFIG = '/etc/fmc/ddns.json'
/** The HTTP header with the token. */
export const HEADER = '/etc/fmc/ddns-authorization'

/** The text of ddns.json. The zone of a record is by default the last two parts of its name. */
export const config = (vars: Vars): string =>
  `${JSON.stringify(
    {
      api: vars.ddns_api,
      sources: vars.ddns_sources,
      records: vars.ddns_records.map(({ name, zone }) => ({
        name,
        zone: zone ?? name.split('.').slice(-2).join('.'),
      })),
    },
    undefined,
    2,
  )}\n`

/** The service: each run has its own user. Only systemd reads the token, and passes it on (systemd.exec(5), LoadCredential). */
export const service = (script: string): string => `# Managed by fmc
[Unit]
Description=This site's public address at Cloudflare
Wants=network-online.target
After=network-online.target nss-lookup.target

[Service]
Type=oneshot
ExecStart=${script} ${CONFIG}
LoadCredential=authorization:${HEADER}
DynamicUser=yes
StateDirectory=fmc-ddns
StateDirectoryMode=0700
RuntimeDirectory=fmc-ddns
RuntimeDirectoryMode=0700
TimeoutStartSec=5min
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
`

/** The timer: a minute after boot, then `ddns_minutes` after each run. */
export const timer = ({ ddns_minutes }: Pick<Vars, 'ddns_minutes'>): string => `# Managed by fmc
[Unit]
Description=This site's public address at Cloudflare, every ${ddns_minutes} min

[Timer]
OnBootSec=1min
OnUnitInactiveSec=${ddns_minutes}min
RandomizedDelaySec=15s

[Install]
WantedBy=timers.target
`
