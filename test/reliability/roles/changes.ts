/** What somebody does by hand to what a run has declared. */
export interface HandChange {
  /** The kind of thing, for the figures. */
  readonly of: string
  readonly name: string
  /** Tasks that it is done to; their first group is the thing, `$f` in the scripts. */
  readonly on: RegExp
  /** Shell text for root of the host. It exits with 77 where it does not apply. */
  readonly script: string
  /** No declaration mends it: the dry run must refuse it, with this reason. */
  readonly refused?: RegExp
  /** Shell text that takes it back: needed for what is refused, and for what fmc leaves alone. */
  readonly undo?: string
  /** fmc leaves it alone, as documented: nothing may be planned because of it. */
  readonly leftAlone?: true
  /** A defect that is known and not mended yet (docs/reliability.md): played only with --only. */
  readonly open?: true
  /** It cuts off hosts: those behind the hypervisor, or the host itself until the harness takes it back. */
  readonly cuts?: 'behind' | 'itself'
}

const KEPT = '/root/by-hand'
/** Puts the thing away, for `BACK`. */
const AWAY = `mkdir -p ${KEPT}; n=$(printf %s "$f" | tr / _); rm -rf "${KEPT}/$n"; cp -a -- "$f" "${KEPT}/$n"`
const BACK = `n=$(printf %s "$f" | tr / _); rm -rf -- "$f"; cp -a -- "${KEPT}/$n" "$f"; rm -rf "${KEPT}/$n"`
const RELOAD = 'case "$f" in /etc/systemd/*) systemctl daemon-reload;; esac'

type More = Omit<HandChange, 'of' | 'name' | 'on' | 'script'>
const kind =
  (of: string, on: RegExp) =>
  (name: string, script: string, more: More = {}): HandChange => ({ of, name, on, script, ...more })
/** A change that is refused for its type. */
const inTheWay = (script: string, refused: RegExp): More & { readonly script: string } => ({
  script: `${AWAY}; rm -rf -- "$f"; ${script}`,
  refused,
  undo: BACK,
})

/** Files that are written once: what is in them belongs to somebody else then. */
const ONCE = /^\/etc\/(exports|iscsi\/initiatorname\.iscsi)$/
const isOnce = 'case "$f" in /etc/exports|/etc/iscsi/initiatorname.iscsi) exit 77;; esac'
const file = kind('file', /^file (\/\S+)/)
const isLink = inTheWay(`ln -s -- "${KEPT}/$n" "$f"`, /is a link, not a file/)
const isDirectory = inTheWay('mkdir -- "$f"', /is a directory, not a file/)
const isFifo = inTheWay('mkfifo -- "$f"', /is an? \w+, not a file/)

const FILES: readonly HandChange[] = [
  file('a line is added', `${isOnce}; echo '# by hand' >>"$f"`),
  file('it is emptied', `${isOnce}; : >"$f"`),
  file(
    'the last newline goes',
    `${isOnce}; [ -s "$f" ] || exit 77; c=$(cat "$f"; echo x); c=\${c%x}; [ "$c" != "\${c%?}" ] || exit 77; printf %s "$(cat "$f")" >"$f.n"; cmp -s "$f" "$f.n" && { rm "$f.n"; exit 77; }; cat "$f.n" >"$f"; rm "$f.n"`,
  ),
  file('CRLF', `${isOnce}; [ -s "$f" ] || exit 77; sed -i "s/$/\\r/" "$f"`),
  file('NUL bytes', `${isOnce}; printf "\\0\\0" >>"$f"`),
  file('mode', 'chmod 0666 "$f"'),
  file('setuid', 'chmod u+s "$f"'),
  file('owner', 'chown 12345:12345 "$f"'),
  file('it is removed', `${isOnce}; rm -f "$f"`),
  file(
    'it is made again, with another mode',
    'cp "$f" "$f.n"; chmod 0600 "$f"; mv "$f.n" "$f"; chmod 0600 "$f"; chown nobody "$f"',
  ),
  file('a line of it is commented out', `${isOnce}; [ -s "$f" ] || exit 77; sed -i "1s/^/#/" "$f"`),
  file(
    'it is edited and loaded',
    `${isOnce}; case "$f" in /etc/systemd/*) ;; *) exit 77;; esac; echo '# by hand' >>"$f"; systemctl daemon-reload`,
  ),
  file('a link in its place', isLink.script, isLink),
  file('a directory in its place', isDirectory.script, isDirectory),
  file('a FIFO in its place', isFifo.script, isFifo),
]

const program = kind('program', /^artifact (\/\S+)/)
const PROGRAMS: readonly HandChange[] = [
  program('bytes are added', 'cp -p "$f" "$f.n"; echo x >>"$f.n"; mv "$f.n" "$f"'),
  program('half of it', 'head -c 1000 "$f" >"$f.n"; chmod 755 "$f.n"; mv "$f.n" "$f"'),
  program('mode', 'chmod 0700 "$f"'),
  program('owner', 'chown 12345 "$f"'),
  program('it is removed', 'rm -f "$f"'),
]

const directory = kind('directory', /^directory (\/\S+)/)
/** Whoever owns the directory above could have put it there: fmc refuses to give it away. */
const OF_A_USER = kind('directory', /^directory (\/var\/lib\/pgsql\/\S+)/)
const notADirectory = inTheWay('echo x >"$f"', /is a file, not a directory/)
const DIRECTORIES: readonly HandChange[] = [
  directory('mode', 'chmod 0777 "$f"'),
  directory('owner', 'case "$f" in /var/lib/pgsql/*) exit 77;; esac; chown 12345:12345 "$f"'),
  OF_A_USER('owner', 'chown 12345:12345 "$f"', {
    refused: /belongs to 12345, but postgres, who owns \S+, could exchange it/,
    undo: 'chown postgres:postgres "$f"',
  }),
  directory('too closed', 'chmod 0700 "$f"; [ "$f" != /etc/nftables ] || chmod 0755 "$f"'),
  {
    ...kind(
      'directory',
      /^directory (\/etc\/(?:exports\.d|coredns\/zones|nftables|systemd\/system\/\S+\.d|firewalld\/policies)|\/usr\/libexec\/keepalived|\/usr\/local\/libexec|\/var\/lib\/pgsql\/data\/conf\.d|\/var\/lib\/pgsql\/tls)$/,
    )('it is removed', 'rm -rf -- "$f"'),
  },
  {
    ...kind(
      'directory',
      /^directory (\/etc\/(?:exports\.d|coredns\/zones|nftables|iscsi)|\/opt\/bin|\/var\/lib\/pgsql\/tls)$/,
    )('a file in its place', notADirectory.script, notADirectory),
  },
]

const absent = kind('absent', /^absent (\/\S+)/)
const ABSENT: readonly HandChange[] = [
  absent('a file of that name', 'echo "# by hand" >"$f"'),
  absent('a link of that name', 'ln -s /nowhere "$f"'),
]

const line = kind('line', /^line (\/\S+)/)
const LINES: readonly HandChange[] = [
  line('the line goes', `grep -v '# fmc$' "$f" >"$f.n"; cat "$f.n" >"$f"; rm "$f.n"`),
  line('it is commented out', `sed -i '/# fmc$/s/^/#/' "$f"`),
  line('CRLF', `sed -i 's/$/\\r/' "$f"`),
  line('the last newline goes', 'printf %s "$(cat "$f")" >"$f.n"; cat "$f.n" >"$f"; rm "$f.n"'),
]

const service = kind('unit', /^(?:service|daemon) (\S+)/)
const UP = 'systemctl is-active -q -- "$f" || exit 77'
const MASKED = `${UP}; u=$(systemctl show -p Id --value -- "$f")`
const UNITS: readonly HandChange[] = [
  service('it is stopped', `${UP}; systemctl stop -- "$f"`),
  service(
    'it is disabled',
    'systemctl is-enabled -- "$f" | grep -qx enabled || exit 77; systemctl -q disable -- "$f"',
  ),
  service(
    'stopped and disabled',
    `${UP}; systemctl is-enabled -- "$f" | grep -qx enabled || exit 77; systemctl -q disable --now -- "$f"`,
  ),
  service(
    'its process is killed',
    `case "$f" in keepalived|*.timer|*.socket|wg-quick*|fmc-nft|nfs-server|virt*|k3s*) exit 77;; esac; ${UP}; systemctl kill -s KILL -- "$f"; sleep 1`,
  ),
  service(
    'it is masked for now',
    `${MASKED}; systemctl -q mask --runtime --now -- "$u" && [ "$(systemctl show -p LoadState --value "$u")" = masked ] || { systemctl -q unmask --runtime -- "$u"; systemctl start -- "$u"; exit 77; }`,
    {
      refused: /is masked/,
      undo: 'u=$(systemctl show -p Id --value -- "$f"); systemctl -q unmask --runtime -- "$u"; systemctl start -- "$u"',
    },
  ),
  service(
    'it is masked',
    `${MASKED}; case $u in *.service) ;; *) u=$u;; esac; [ ! -e "/etc/systemd/system/$u" ] || exit 77; systemctl -q mask --now -- "$u"`,
    {
      refused: /is masked/,
      undo: 'u=$(systemctl show -p Id --value -- "$f"); systemctl -q unmask -- "$u"; systemctl -q enable -- "$u"; systemctl start -- "$u"',
    },
  ),
  service(
    'a drop-in of somebody else',
    'u=$(systemctl show -p Id --value -- "$f"); d="/etc/systemd/system/$u.d"; mkdir -p "$d"; printf "[Unit]\\nDocumentation=https://example.org/by-hand\\n" >"$d/50-by-hand.conf"; systemctl daemon-reload',
    {
      leftAlone: true,
      undo: 'u=$(systemctl show -p Id --value -- "$f"); d="/etc/systemd/system/$u.d"; rm -f "$d/50-by-hand.conf"; rmdir "$d" 2>/dev/null; systemctl daemon-reload',
    },
  ),
  service(
    'a drop-in of somebody else, not loaded',
    'u=$(systemctl show -p Id --value -- "$f"); d="/etc/systemd/system/$u.d"; mkdir -p "$d"; printf "[Unit]\\nDocumentation=https://example.org/by-hand\\n" >"$d/50-by-hand.conf"',
  ),
  {
    ...kind('unit', /^service (multipathd(?:\.socket)?)$/)(
      'it is unmasked',
      'systemctl -q unmask -- "$f"',
    ),
  },
]

const packageKind = (name: string): ((what: string, script: string) => HandChange) =>
  kind('package', new RegExp(String.raw`^packages (?:\S+ )*?(${name})(?: |$)`))
const PACKAGES: readonly HandChange[] = [
  ...[
    'nftables',
    'wireguard-tools',
    'bind-utils',
    'chrony',
    'nfs-utils',
    'haproxy',
    'keepalived',
    'postgresql-server',
    'openssl',
    'libvirt',
    'nmstate',
  ].map(name =>
    packageKind(name)(
      'it is removed',
      'rpm -q "$f" >/dev/null || exit 77; rpm -e --nodeps "$f" 2>/dev/null',
    ),
  ),
]

const user = kind('account', /^user (\S+)/)
const group = kind('account', /^group (\S+)/)
const ACCOUNTS: readonly HandChange[] = [
  user("the user's shell", 'usermod -s /bin/bash "$f"', {
    leftAlone: true,
    undo: 'usermod -s /usr/sbin/nologin "$f"',
  }),
  user(
    "the user's home",
    'sed -i "s,^\\($f:[^:]*:[^:]*:[^:]*:[^:]*\\):[^:]*:,\\1:/tmp/by-hand:," /etc/passwd',
  ),
  user("the user's group", 'sed -i "s,^\\($f:[^:]*:[^:]*\\):[^:]*:,\\1:65534:," /etc/passwd'),
  user('the user is removed', 'sed -i "/^$f:/d" /etc/passwd /etc/shadow'),
  user(
    'another uid',
    'case "$f" in nfs-*) ;; *) exit 77;; esac; cp -p /etc/passwd /root/passwd.by-hand; sed -i "s,^\\($f:[^:]*\\):[^:]*:,\\1:5999:," /etc/passwd',
    {
      refused: /has the uid 5999/,
      undo: 'mv /root/passwd.by-hand /etc/passwd',
    },
  ),
  group(
    'another gid',
    'case "$f" in nfs-*) ;; *) exit 77;; esac; cp -p /etc/group /root/group.by-hand; sed -i "s,^\\($f:[^:]*\\):[^:]*:,\\1:5999:," /etc/group',
    {
      refused: /has the gid 5999/,
      undo: 'mv /root/group.by-hand /etc/group',
    },
  ),
]

const sysctl = kind('sysctl', /^sysctl (net\.ipv4\.ip_nonlocal_bind)/)
const OTHER_FILE = 'echo "$f = 0" >/etc/sysctl.d/99-by-hand.conf'
const KERNEL: readonly HandChange[] = [
  sysctl('another value now', 'sysctl -qw "$f=0"'),
  kind('sysctl', /^sysctl (\S+)/)('another value at boot', OTHER_FILE, {
    refused: /after a reboot \S+ would be 0/,
    undo: 'rm /etc/sysctl.d/99-by-hand.conf',
  }),
  kind('sysctl', /^sysctl (\S+)/)(
    'the same value from another file',
    'echo "$f = 1" >/etc/sysctl.d/99-by-hand.conf',
    {
      leftAlone: true,
      undo: 'rm -f /etc/sysctl.d/99-by-hand.conf',
    },
  ),
  kind('SELinux boolean', /^SELinux boolean (\S+)/)(
    'it is off',
    'setsebool -P "$f" off 2>/dev/null || setsebool "$f" off',
  ),
  kind('time zone', /^timezone (\S+)/)(
    'another one',
    'ln -sfn ../usr/share/zoneinfo/UTC /etc/localtime',
  ),
  kind('time zone', /^timezone (\S+)/)('the link goes', 'rm -f /etc/localtime'),
  kind('time zone', /^timezone (\S+)/)(
    'a copy in place of the link',
    'cp -L /etc/localtime /etc/localtime.n; rm /etc/localtime; mv /etc/localtime.n /etc/localtime',
  ),
]

const mount = kind('mount', /^mount (\/\S+)/)
const MOUNTS: readonly HandChange[] = [
  mount('it is unmounted', 'umount "$f"'),
  mount('it is unmounted lazily', 'umount -l "$f"'),
  mount(
    'its unit is disabled',
    'systemctl -q disable -- "$(systemd-escape -p --suffix=mount "$f")"',
  ),
]

const opened = kind('firewalld', /^firewalld lets in (\S.*)$/)
const RUNS =
  'firewall-cmd -q --state || exit 77; p=$(printf %s "$f" | tr -d , | tr " " "\\n" | grep / | head -1)'
const FIREWALLD: readonly HandChange[] = [
  opened('a port is closed now', `${RUNS}; firewall-cmd -q --remove-port="$p"`),
  opened(
    'a port is closed after the next start',
    `${RUNS}; firewall-cmd -q --permanent --remove-port="$p"`,
  ),
  opened(
    'a port is closed, both',
    `${RUNS}; firewall-cmd -q --permanent --remove-port="$p"; firewall-cmd -q --reload`,
  ),
  opened(
    'its zone file is removed',
    `${RUNS}; rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload`,
  ),
]

const table = kind('packet filter', /^(table inet fmc)$/)
const FILTER: readonly HandChange[] = [
  table('the table is deleted', 'nft delete table inet fmc'),
  table('a rule is added', 'nft insert rule inet fmc input tcp dport 8888 accept'),
  table('a chain is emptied', 'nft flush chain inet fmc postrouting'),
  table('forwarding is dropped', 'nft insert rule inet fmc forward drop', { cuts: 'behind' }),
  kind('packet filter', /^(firewalld gives way to fmc's table)$/)(
    'firewalld is started',
    'systemctl -q enable --now firewalld',
  ),
  table('SSH to the host itself is dropped', 'nft insert rule inet fmc input tcp dport 22 drop', {
    cuts: 'itself',
    refused: /no answer from/,
    undo: 'nft -f /etc/nftables/fmc.nft',
  }),
]

const network = kind('network', /^network (\S+)/)
const HYPERVISOR: readonly HandChange[] = [
  network('it does not start at boot', 'virsh -q net-autostart --disable "$f"'),
  network('it is stopped', 'virsh -q net-destroy "$f"', { cuts: 'behind' }),
  kind('network', /^sysctl (net\.ipv4\.ip_forward)$/)(
    'the kernel does not forward',
    'sysctl -qw net.ipv4.ip_forward=0',
    { cuts: 'behind' },
  ),
  kind('storage pool', /^storage pool (\S+)/)('it is stopped', 'virsh -q pool-destroy fmc'),
  kind('storage pool', /^storage pool (\S+)/)(
    'it does not start at boot',
    'virsh -q pool-autostart --disable fmc',
  ),
  kind('storage pool', /^storage pool (\S+)/)(
    'it is undefined',
    'virsh -q pool-destroy fmc; virsh -q pool-undefine fmc',
  ),
]

const tunnel = kind('tunnel', /^(?:service )?(wg)-quick@wg0$/)
const key = kind('key', /^key (\S+)/)
const TUNNEL: readonly HandChange[] = [
  tunnel('the device goes', 'ip link del wg0'),
  tunnel('the device is down', 'ip link set wg0 down'),
  tunnel('another port', 'wg set wg0 listen-port 51999'),
  tunnel('a peer is added', 'wg set wg0 peer "$(wg genkey | wg pubkey)" allowed-ips 10.17.0.99/32'),
  key('mode', 'chmod 0644 "$f"'),
]

const SQL = 'cd /; runuser -u postgres -- psql -qAtc'
const role = kind('database role', /^role (\S+)/)
const database = kind('database', /^database (\S+)/)
const certificate = kind('certificate', /^certificate (\S+)/)
const POSTGRESQL: readonly HandChange[] = [
  role('NOLOGIN', `${SQL} "ALTER ROLE $f NOLOGIN"`),
  role('SUPERUSER', `${SQL} "ALTER ROLE $f SUPERUSER"`),
  role('CREATEDB', `${SQL} "ALTER ROLE $f CREATEDB"`),
  role('another password', `${SQL} "ALTER ROLE $f PASSWORD 'by hand'"`),
  role('no password', `${SQL} "ALTER ROLE $f PASSWORD NULL"`),
  database('another owner', `${SQL} "ALTER DATABASE $f OWNER TO postgres"`),
  database('it is dropped', `${SQL} "DROP DATABASE $f"`),
  certificate('it is removed', 'rm -f "$f"'),
  certificate('half of it', 'head -c 500 "$f" >"$f.n"; cat "$f.n" >"$f"; rm "$f.n"'),
  certificate('mode', 'chmod 0644 "$f"'),
  certificate('owner', 'chown root:root "$f"'),
]

const K = 'k3s kubectl'
const node = kind('node', /^node (\S+)/)
const worker = kind('node', /^node (worker\d+)/)
const manifest = (name: string): ReturnType<typeof kind> =>
  kind(
    'object in the cluster',
    new RegExp(String.raw`^file (/var/lib/rancher/k3s/server/manifests/fmc-${name}\.yaml)`),
  )
const CLUSTER: readonly HandChange[] = [
  worker('a label is deleted', `${K} label node "$f" svccontroller.k3s.cattle.io/enablelb-`, {
    open: true,
  }),
  worker(
    'a label has another value',
    `${K} label --overwrite node "$f" svccontroller.k3s.cattle.io/enablelb=false`,
    { open: true },
  ),
  kind('node', /^node (storage1)$/)('a taint is deleted', `${K} taint node "$f" dedicated-`),
  kind('node', /^node (master\d)$/)(
    'a taint is deleted',
    `${K} taint node "$f" node-role.kubernetes.io/control-plane-`,
  ),
  node('somebody else labels it', `${K} label --overwrite node "$f" example.org/by-hand=1`, {
    leftAlone: true,
    undo: `${K} label node "$f" example.org/by-hand-`,
  }),
  node('it is cordoned', `${K} cordon "$f"`, { leftAlone: true, undo: `${K} uncordon "$f"` }),
  worker(
    'its Longhorn annotation goes',
    `${K} annotate node "$f" node.longhorn.io/default-disks-config-`,
  ),
  manifest('traefik')(
    'the HelmChartConfig is deleted',
    `${K} -n kube-system delete helmchartconfig traefik`,
  ),
  manifest('traefik')(
    'the HelmChartConfig is edited',
    `${K} -n kube-system patch helmchartconfig traefik --type=merge -p '{"spec":{"valuesContent":"by: hand"}}'`,
  ),
  manifest('longhorn')(
    'the HelmChart is edited',
    `${K} -n kube-system patch helmchart longhorn --type=merge -p '{"spec":{"valuesContent":"by: hand"}}'`,
  ),
  manifest('longhorn')(
    'the HelmChart has another version',
    `${K} -n kube-system patch helmchart longhorn --type=merge -p '{"spec":{"version":"0.0.1"}}'`,
  ),
  manifest('nfs')(
    'the HelmChart is edited',
    `${K} -n kube-system patch helmchart csi-driver-nfs --type=merge -p '{"spec":{"valuesContent":"by: hand"}}'`,
  ),
]

/** All of them. */
export const HAND_CHANGES: readonly HandChange[] = [
  ...[...FILES, ...PROGRAMS, ...DIRECTORIES, ...ABSENT, ...LINES].map(c => ({
    ...c,
    ...(c.undo === undefined ? {} : { undo: `${c.undo}; ${RELOAD}` }),
  })),
  ...[...UNITS, ...PACKAGES, ...ACCOUNTS, ...KERNEL, ...MOUNTS, ...FIREWALLD, ...FILTER],
  ...[...HYPERVISOR, ...TUNNEL, ...POSTGRESQL, ...CLUSTER],
]

/** Shell text that prints how a thing is, to compare it with how it was; empty for what cannot be compared. */
export function look(of: string): string {
  switch (of) {
    case 'file':
    case 'program':
    case 'directory':
    case 'absent':
    case 'certificate':
    case 'key':
      return 'stat -c "%F %a %U:%G" -- "$f" 2>&1; [ ! -f "$f" ] || case "$f" in */zones/db.*) grep -v " ; serial\$" "$f";; *) cat "$f";; esac | sha256sum'
    case 'line':
      return `stat -c "%F %a %U:%G" -- "$f" 2>&1; grep -cx "include_dir 'conf.d' # fmc" "$f"`
    case 'unit':
      return 'systemctl show -p LoadState,ActiveState,UnitFileState,NeedDaemonReload -- "$f"'
    case 'package':
      return 'rpm -q "$f"'
    case 'account':
      return 'getent passwd "$f" | cut -d: -f1,6; getent group "$f" | cut -d: -f1'
    case 'sysctl':
      return 'sysctl -n "$f"'
    case 'SELinux boolean':
      return 'getsebool "$f"'
    case 'time zone':
      return 'readlink /etc/localtime'
    case 'mount':
      return 'findmnt -no TARGET,FSTYPE "$f"; systemctl is-enabled -- "$(systemd-escape -p --suffix=mount "$f")"'
    case 'firewalld':
      return 'firewall-cmd --list-ports | tr " " "\\n" | sort; firewall-cmd --permanent --list-ports | tr " " "\\n" | sort'
    case 'packet filter':
      return 'nft -s list table inet fmc; systemctl is-active firewalld'
    case 'network':
      return 'virsh -q net-list --all; sysctl -n net.ipv4.ip_forward'
    case 'storage pool':
      return 'virsh -q pool-list --all'
    case 'tunnel':
      return 'ip -o link show wg0 | sed "s/^[0-9]*//"; wg show wg0 listen-port; wg show wg0 peers'
    case 'database role':
      return `${SQL} "SELECT rolname, rolsuper, rolcanlogin, rolcreatedb, rolpassword IS NULL FROM pg_authid WHERE rolname = '$f'"`
    case 'database':
      return `${SQL} "SELECT datname, rolname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = '$f'"`
    case 'node':
      return `${K} get node "$f" -o jsonpath='{.metadata.labels} {.spec.taints} {.spec.unschedulable}'`
    default:
      return `${K} get helmchartconfig,helmchart -A -o jsonpath='{.items[*].spec}' | sha256sum`
  }
}

/** Is the content of this file left to others? */
export const isWrittenOnce = (path: string): boolean => ONCE.test(path)
