import { nonsense, probe } from '../../lib/index.ts'

export interface Disk {
  readonly mount: string
  /** Used share of its space or of its inodes, whichever is higher. */
  readonly percent: number
}

/** What every host reports about itself. */
export interface HostState {
  readonly upSeconds: number
  /** By how much its clock differs from the controller's, at least. */
  readonly skewSeconds: number
  readonly failedUnits: readonly string[]
  /** The units asked for, with systemd's ActiveState. */
  readonly units: Readonly<Record<string, string>>
  readonly disks: readonly Disk[]
  readonly memoryPercent: number
  /** Does an installed update wait for a reboot? */
  readonly wantsReboot: boolean
  /** May Flatcar's own update manager reboot the host at any time? */
  readonly rebootsItself: boolean
  /** Handlers, as role/handler, that interrupted runs left pending. */
  readonly pending: readonly string[]
  /** The fmc run that holds the host's lock. */
  readonly lockedBy: string | undefined
}

const SCRIPT = `
read -r up _ </proc/uptime; echo "up $up"
systemctl list-units --failed --no-legend --plain | while read -r u _; do echo "failed $u"; done
for kind in k i; do
  df -lP$kind -x tmpfs -x devtmpfs -x squashfs 2>/dev/null | tail -n +2 | while read -r _ _ _ _ full mount; do
    case $mount in /run/*|/var/lib/kubelet/*|/var/lib/rancher/*/*|/proc/*|/sys/*) ;; *) echo "disk $full $mount" ;; esac
  done
done
while read -r key value _; do case $key in MemTotal:) total=$value ;; MemAvailable:) echo "memory $(( 100 - 100 * value / total ))" ;; esac; done </proc/meminfo
if [ -e /run/reboot-required ] || { command -v update_engine_client >/dev/null && update_engine_client -status 2>/dev/null | grep -q UPDATED_NEED_REBOOT; }; then echo reboot; fi
if systemctl is-active -q locksmithd; then echo locksmith; fi
for mark in /var/lib/fmc/pending/*/*; do [ ! -e "$mark" ] || echo "owed \${mark#/var/lib/fmc/pending/}"; done
if [ -f /run/fmc.lock ]; then head -c 4000 /run/fmc.lock | while read -r l; do p=\${l##*(shell pid }; p=\${p%%)*}; case $p in *[!0-9]* | '') continue ;; esac
case $l in *', a dry run)'*) ;; *) [ ! /proc/$p/fd/9 -ef /run/fmc.lock ] || echo "lock $l" ;; esac; done; fi
for u in $units; do
  if systemctl is-active -q "$u"; then echo "unit $u active"; else echo "unit $u $(systemctl is-active "$u" | head -n 1)"; fi
done`

/** The state of the host on which this runs. Throws TaskError when its answer makes no sense. */
export async function hostState(units: readonly string[]): Promise<HostState> {
  const { stdout } = await probe({ estimate: false })`units=${units.join(' ')}; eval ${SCRIPT}`
  // The time makes the question unique: a question known from the last run would be asked earlier, in another batch.
  const before = Date.now() / 1000
  const clock = await probe({ estimate: false })`date +%s.%N # ${String(before)}`
  return {
    ...parseHost(stdout),
    skewSeconds: skew(Number(clock.stdout), before, Date.now() / 1000),
  }
}

/** The least number of seconds by which a clock is wrong, given the controller's clock before and after it was read. */
export const skew = (time: number, before: number, after: number): number =>
  time > after ? time - after : time < before ? before - time : 0

/** Decodes what `encodeURIComponent` made; other text stays as it is. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const UNIT = /^[\w@.:*\\-]{1,255}( [a-z-]{0,32})?$/

/** Parses what SCRIPT printed. Throws TaskError when it makes no sense. */
export function parseHost(text: string): Omit<HostState, 'skewSeconds'> {
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map(line => /^(\w+) ?(.*)$/.exec(line) ?? [line, '', ''])
  const all = (key: string): string[] =>
    lines.filter(l => l[1] === key).map(l => (l[2] ?? '').trim())
  const number = (key: string): number => {
    const [value = '', ...more] = all(key)
    if (!/^\d{1,12}(\.\d{1,9})?$/.test(value) || more.length > 0)
      throw nonsense('the host', 'its state', value || text, `${key} is missing or not a number`)
    return Number(value)
  }
  const memoryPercent = number('memory')
  if (memoryPercent > 100)
    throw nonsense('the host', 'its state', String(memoryPercent), 'memory is not a percentage')
  const units = all('unit')
  const odd = units.find(u => !UNIT.test(u))
  if (odd !== undefined) throw nonsense('systemctl', 'units', odd)
  const disks = new Map<string, number>()
  for (const line of all('disk')) {
    const [, full, mount] = /^(\d{1,3})% (.+)$/.exec(line) ?? []
    if (mount !== undefined) disks.set(mount, Math.max(disks.get(mount) ?? 0, Number(full)))
  }
  return {
    upSeconds: number('up'),
    failedUnits: all('failed'),
    units: Object.fromEntries(
      units.map(u => u.split(' ')).map(([name = '', state = '']) => [name, state]),
    ),
    disks: [...disks].map(([mount, percent]) => ({ mount, percent })),
    memoryPercent,
    wantsReboot: lines.some(l => l[1] === 'reboot'),
    rebootsItself: lines.some(l => l[1] === 'locksmith'),
    pending: all('owed').map(decoded),
    lockedBy: all('lock')[0],
  }
}
