import { quote } from '../../shell/quote.ts'
import { mark } from '../../ssh/word.ts'

/** Most files and units of one host that are asked about. */
export const MOST_ASKED = 40

/** What a host is asked about. */
export interface Question {
  /** Absolute paths. */
  readonly paths: readonly string[]
  readonly units: readonly string[]
  /** From when on, in seconds since 1970; undefined: the last of each kind. */
  readonly since: number | undefined
}

/** The parts of the answer, in this order, each after its mark. */
export const PARTS = ['clock', 'own', 'last', 'sshd', 'dpkg', 'rpm', 'path', 'unit', 'end'] as const

const tell = (part: (typeof PARTS)[number]): string => `printf '${mark(part).spelled}'`

/** `timeout` of coreutils, so that a slow journal does not hold up the check. */
const SLOW = 'timeout 10'

/**
 * Asks a host what happened there: logins (last(1); sshd in journalctl(1)), package transactions (dpkg.log; rpm(8)), and the
 * owner and times of files and units. It only reads, as root, in fmc's own environment; every part has a limit in bytes. The
 * shell prints a mark before each part, which only this session's shell can print.
 */
export function suspectsScript({ paths, units, since }: Question): string {
  const from = since === undefined ? '' : ` --since=@${since}`
  const logins = `--no-pager -q${from} -n 5000 -o json --output-fields=MESSAGE -t sshd -t sshd-session`
  return [
    tell('clock'),
    `date +%s; while read -r _k _v _; do [ "$_k" != btime ] || echo "$_v"; done </proc/stat`,
    tell('own'),
    // The login shell of this session has the variable of sshd(8); sudo's has not.
    `_p=$$; while [ "\${_p:-0}" -gt 1 ]; do
tr '\\0' '\\n' </proc/$_p/environ 2>/dev/null | grep -m1 '^SSH_CONNECTION=' && break
_q=; while read -r _k _v _; do [ "$_k" != PPid: ] || _q=$_v; done </proc/$_p/status; _p=$_q
done; unset _p _q _k _v`,
    tell('last'),
    `{ last -w --time-format iso -n 30 2>/dev/null || :; } | head -c 16000`,
    tell('sshd'),
    `{ ${SLOW} journalctl ${logins} 2>/dev/null || :; } | grep '"MESSAGE":"Accepted ' | tail -n 200 | head -c 100000`,
    tell('dpkg'),
    // One date(1) for all lines: the log has local times.
    `if [ -f /var/log/dpkg.log ]; then
_l=$(tail -n 4000 /var/log/dpkg.log | grep -E '^[0-9-]{10} [0-9:]{8} (install|upgrade|remove|purge) ' | tail -n 60 | head -c 16000)
if [ -n "$_l" ]; then printf '%s\\n' "$_l" | cut -c1-19 | date -f - +%s; echo; printf '%s\\n' "$_l" | cut -c21-; fi; unset _l; fi`,
    tell('rpm'),
    `! command -v rpm >/dev/null || [ ! -d /var/lib/rpm ] || { ${SLOW} rpm -qa --qf '%{INSTALLTIME} %{NAME} %{VERSION}-%{RELEASE}\\n' 2>/dev/null || :; } | sort -rn | head -n 60 | head -c 16000`,
    tell('path'),
    ...paths.slice(0, MOST_ASKED).map((path, i) => about(i, path)),
    tell('unit'),
    ...units
      .slice(0, MOST_ASKED)
      .map(
        (unit, i) =>
          `printf '%s ' ${i}; systemctl show -p StateChangeTimestampMonotonic -p ActiveState -- ${quote(unit)} 2>/dev/null | head -c 200 | tr '\\n' ' '; echo`,
      ),
    `read -r _u _ </proc/uptime; echo "up $_u"; unset _u`,
    tell('end'),
  ].join('\n')
}

/** Number, time of the last change, owner, mode and type of a file; of a missing one its directory. */
const about = (i: number, path: string): string => {
  const dir = path.replace(/\/+[^/]*\/*$/, '') || '/'
  const stat = (what: string, of: string): string =>
    `stat -c '${i} ${what} %Y %Z %U %a %F' -- ${quote(of)} 2>/dev/null`
  return `${stat('is', path)} || ${stat('gone', dir)} || echo '${i} unknown'`
}
