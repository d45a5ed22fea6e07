import type { Test } from 'tap'
import { $ } from '../../lib/index.ts'
import { makeVms } from '../../roles/hypervisor/vm/make-vms.ts'
import { PLATFORMS } from '../../roles/hypervisor/platform.ts'
import { vars as schema } from '../../roles/hypervisor/vars.ts'
import { Hosts, one, tasks, type Ran } from '../engine/hosts.ts'

/** What fmc asks and tells of libvirt, and no more: domains are files, and none of them runs. */
const VIRSH = `shift 3
echo "$*" >>/srv/log
[ -e /srv/running ] || { echo 'error: Failed to connect to the hypervisor' >&2; exit 1; }
[ ! -e "/srv/fail-$1" ] || { echo "error: $1 failed" >&2; exit 1; }
d=/srv/domains; mkdir -p $d
case $1 in
list) ls $d ;;
*dominfo*) echo "$1" | grep -o 'dominfo [^;]*' | while read -r _ name; do
  printf 'Id: -\\nState: %s\\nAutostart: enable\\n\\n' "$(cat "/srv/state-$name")"
  cat "$d/$name" "$d/$name"
done ;;
define) name=$(sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$3")
  sed "s:<memory unit='MiB'>1024<:<currentMemory unit='KiB'>1048576</currentMemory><memory unit='KiB'>1048576<:" "$3" >"$d/$name"
  echo 'shut off' >"/srv/state-$name" ;;
start) echo running >"/srv/state-$2" ;;
shutdown | destroy) echo 'shut off' >"/srv/state-$2" ;;
attach-device) tee -a /srv/attached <"$3" >/srv/x
  sed -i "/<devices>/r /srv/x" "$d/$2" ;;
undefine) rm "$d/$2" ;;
domstate) cat "/srv/state-$2" ;;
pool-list) echo fmc ;;
pool-info) echo 'State: running Autostart: yes' ;;
pool-dumpxml) echo '<pool><target><path>/srv/pool</path></target></pool>' ;;
autostart) ;;
*) exit 1 ;;
esac`

const QEMU_IMG = `echo "$*" >>/srv/log
case $1 in
info) echo "  \\"virtual-size\\": $(cat /srv/image-size)," ;;
create) while [ $# -gt 2 ]; do shift; done; echo "$2" >"$1" ;;
esac`

const SHA256 = 'a'.repeat(64)

/** The hypervisor a, a directory of this machine, with VMs that the hosts' words say; nothing of the network is asked. */
export class Hypervisor {
  readonly hosts: Hosts

  constructor(t: Test, vms: Readonly<Record<string, string>>, more = '') {
    this.hosts = new Hosts(
      t,
      vms,
      `artifacts: { image-debian: { version: '1', sha256: ${SHA256} } }\n${more}`,
    )
    const program = (name: string, text: string): void => this.hosts.program('a', name, text)
    program('virsh', VIRSH)
    program('qemu-img', QEMU_IMG)
    program('xorriso', 'while [ "$1" != -o ]; do shift; done; : >"$2"')
    program('ping', 'exit 1')
    program('df', 'echo "pool 0 0 $(cat /srv/free) 0% /"')
    this.hosts.write('a', 'srv/free', String(1000 * 1024 ** 3))
    this.hosts.write('a', 'srv/running', '')
    this.hosts.write('a', 'var/lib/libvirt/there', '')
    this.hosts.write('a', 'srv/image-size', String(2 * 1024 ** 3))
    this.hosts.write('a', `srv/pool/image-debian-1-${SHA256.slice(0, 12)}.qcow2`, '')
  }

  /** What was said to virsh and qemu-img since the last time, but for questions. */
  async told(): Promise<readonly string[]> {
    const { stdout } = await this.hosts.sh('a', 'cat /srv/log; rm -f /srv/log')
    return stdout
      .split('\n')
      .filter(line => /^(define|start|shutdown|destroy|undefine|create|attach-device)/.test(line))
  }

  async run(
    vars: Readonly<Record<string, unknown>> = {},
    o: Parameters<Hosts['run']>[1] = {},
  ): Promise<Ran> {
    const { knownHostsFile } = await this.hosts.inventory()
    this.hosts.program('a', 'ssh-keyscan', `sed 's/^[^ #]*/x/' ${knownHostsFile}`)
    const given = schema.parse({
      hypervisor_pool_path: '/srv/pool',
      hypervisor_authorized_keys: ['ssh-ed25519 AAAA me'],
      hypervisor_boot_seconds: 1,
      ...vars,
    })
    const role = tasks(async () => {
      await $({ creates: '/srv/running' })`touch /srv/running`
      const platform = PLATFORMS['debian 12']
      if (!platform) throw new Error('the role is not made for Debian 12')
      await makeVms(given, platform)
    })
    return this.hosts.run([one(role, { hosts: 'a' })], o)
  }
}
