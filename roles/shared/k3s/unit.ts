/** The unit that K3s's install script writes (install.sh, create_systemd_service_file), without the environment files. */
export function k3sUnit(kind: 'server' | 'agent', binary: string): string {
  return `# Managed by fmc
[Unit]
Description=Lightweight Kubernetes (${kind})
Documentation=https://docs.k3s.io
Wants=network-online.target
After=network-online.target

[Service]
Type=${kind === 'server' ? 'notify' : 'exec'}
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=${binary} ${kind}
# Containers outlive a restart of K3s.
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
# Without a quorum a server waits for it, however long that takes.
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
`
}
