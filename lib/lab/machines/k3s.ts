import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What the real K3s needs of a machine that shares this machine's kernel. containerd's overlays cannot lie on an overlay, so
 * its data is a directory of this machine; kubelet reads /dev/kmsg, for which it needs CAP_SYSLOG; runc makes keyrings and device filters.
 */
export const k3sArguments = (dir: string): string[] => {
  const data = join(dir, 'rancher')
  mkdirSync(data, { recursive: true, mode: 0o755 })
  return [
    `--bind=${data}:/var/lib/rancher`,
    '--bind=/dev/kmsg',
    '--capability=CAP_SYSLOG,CAP_BPF,CAP_PERFMON',
    '--system-call-filter=@keyring bpf perf_event_open',
  ]
}

/**
 * Before each start of K3s, in the machine: gives it the controllers of its own control groups, which nspawn mounts read-only, files in the
 * place of those sysctls that the kernel has only once, and settings of the kubelet for both. fail-cgroupv1: since 1.35 kubelet
 * refuses cgroup v1 (kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1).
 */
const START = `#!/bin/sh
set -eu
for controller in /sys/fs/cgroup /sys/fs/cgroup/*; do
  if mountpoint -q "$controller" && [ ! -w "$controller" ] && [ -e "$controller/cgroup.procs" ]; then
    mount -o remount,bind,rw "$controller"
  fi
done
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_tcp_timeout_established net/netfilter/nf_conntrack_tcp_timeout_close_wait; do
  file=/proc/sys/$name copy=/run/fmc-lab/sysctl/$name
  if [ -e "$file" ] && [ ! -e "$copy" ]; then
    mkdir -p "\${copy%/*}"
    cat "$file" >"$copy"
    mount --bind "$copy" "$file"
  fi
done
mkdir -p /etc/rancher/k3s/config.yaml.d
printf '%s\\n' 'kubelet-arg+:' '  - fail-cgroupv1=false' '  - feature-gates=KubeletInUserNamespace=true' >/etc/rancher/k3s/config.yaml.d/fmc-lab.yaml
`

/** Writes the drop-ins that run the script above; they stay when a role removes K3s. */
export const prepareK3s = (etc: string): void => {
  mkdirSync(join(etc, 'fmc-lab'), { recursive: true })
  writeFileSync(join(etc, 'fmc-lab', 'k3s'), START, { mode: 0o755 })
  for (const unit of ['k3s', 'k3s-agent']) {
    const dir = join(etc, 'systemd', 'system', `${unit}.service.d`)
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'fmc-lab.conf'), '[Service]\nExecStartPre=/etc/fmc-lab/k3s\n')
  }
}
