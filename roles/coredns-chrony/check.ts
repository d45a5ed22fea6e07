import { quote, quoteAll, unitLog } from '../../lib/index.ts'
import { asked, PATIENT_DIG, type Question } from '../shared/dns/dig.ts'
import { SERIAL_SED } from './serial.ts'
import { COREFILE, healthOf, versionOf, zonePath } from './templates.ts'

/** Where a candidate listens: the running server uses other ports. */
const PORT = 1053
const HEALTH_PORT = 18_080
const READY_PORT = 18_181
export const TRIAL_PORTS = [PORT, HEALTH_PORT, READY_PORT] as const

const DIG = 'dig -r +short +norecurse +time=1 +tries=1'

/**
 * Shell text that starts a second server as the user coredns, waits until it answers for `zone`, compares its answers
 * to `questions` and stops it: CoreDNS has no check flag. `corefile` is shell text that prints its configuration.
 */
function tryOut(
  binary: string,
  corefile: string,
  zone: string,
  questions: readonly Question[],
): string {
  const want = questions.map(q => `${q.answer}\n`).join('')
  return `d=$(mktemp -d /run/fmc-coredns.XXXXXX) || exit 1
p=
trap '[ -z "$p" ] || { kill "$p"; wait "$p"; } 2>/dev/null; rm -rf -- "$d"' EXIT
chmod 0755 "$d"; umask 022
{ ${corefile}
} >"$d/Corefile" || exit 1
timeout -k 2 60 setpriv --reuid coredns --regid coredns --clear-groups --no-new-privs ${binary} -conf "$d/Corefile" -dns.port ${PORT} >"$d/log" 2>&1 &
p=$!
n=0
until [ -n "$(${DIG} -p ${PORT} @127.0.0.1 ${quote(`${zone}.`)} SOA | grep -v '^;')" ]; do
  n=$((n + 1))
  if ! kill -0 "$p" 2>/dev/null || [ $n -ge 100 ]; then
    echo 'CoreDNS does not start with this configuration:' >&2; grep -v '^maxprocs' "$d/log" >&2; exit 1
  fi
  sleep 0.1
done
printf %s ${quote(want)} >"$d/want"
${questions.length === 0 ? ':' : `${PATIENT_DIG} -p ${PORT} @127.0.0.1 ${quoteAll(asked(questions))}`} >"$d/got"
cmp -s "$d/want" "$d/got" || { echo 'CoreDNS answers other than the inventory says:' >&2; diff "$d/want" "$d/got" >&2; exit 1; }`
}

/** Validates a zone file: a server that has only this zone must answer each of its questions. */
export const checkZone =
  (binary: string, zone: string, questions: readonly Question[]) =>
  (candidate: string): string => {
    // The candidate is a quoted shell word: it is printed, not pasted.
    const corefile = `printf '%s {\\n    bind 127.0.0.1\\n    errors\\n    file "%s"\\n}\\n' ${quote(zone)} ${candidate}`
    return tryOut(quote(binary), corefile, zone, questions)
  }

const moved = `s/^    health 127\\.0\\.0\\.1:.*/    health 127.0.0.1:${HEALTH_PORT}/; s/^    ready 127\\.0\\.0\\.1:.*/    ready 127.0.0.1:${READY_PORT}/`

/** Validates a Corefile together with the zone files that are in place. */
export const checkCorefile =
  (binary: string, zone: string, questions: readonly Question[]) =>
  (candidate: string): string =>
    tryOut(quote(binary), `sed ${quote(moved)} ${candidate}`, zone, questions)

/** Validates a new program: it must run, and serve the host's current configuration, if there is one. */
export const checkBinary =
  (zone: string) =>
  (candidate: string): string =>
    `${candidate} -version || exit 1
[ -e ${COREFILE} ] && id coredns >/dev/null 2>&1 && command -v dig >/dev/null || exit 0
${tryOut(candidate, `sed ${quote(moved)} ${COREFILE}`, zone, [])}`

/** Shell functions. `served`: does the server answer with the files' serials and this Corefile, and listen for health checks? */
const served = (zones: readonly string[], corefile: string): string => `served() {
${zones
  .map(
    z =>
      `[ "$(${DIG} @127.0.0.1 ${quote(`${z}.`)} SOA | sed -n 's/^[^ ;]* [^ ]* \\([0-9]*\\) .*/\\1/p')" = "$(sed -n ${quote(SERIAL_SED)} ${quote(zonePath(z))})" ] || return 1`,
  )
  .join('\n')}
[ "$(${DIG} @127.0.0.1 version.bind. CH TXT)" = ${quote(`"${versionOf(corefile)}"`)} ] || return 1
ss -Hltn | grep -qF ${quote(` ${healthOf(corefile)} `)}
}
await() { n=0; until served; do n=$((n + 1)); [ $n -lt "$1" ] || return 1; sleep 0.2; done; }
`

/**
 * Shell text that makes the running server use its files, and proves it by the server's answers. When a reload fails,
 * CoreDNS keeps the old configuration, says so only in its log, and may lose its health listener: it is then restarted.
 */
export const applyFiles = (
  zones: readonly string[],
  corefile: string,
  by: 'reload' | 'restart',
): string =>
  `${served(zones, corefile)}${
    by === 'restart'
      ? ''
      : `! served || exit 0
if [ -n "$(${DIG} @127.0.0.1 version.bind. CH TXT | grep -v '^;')" ]; then systemctl reload coredns; ! await 25 || exit 0; fi
`
  }systemctl restart coredns
await 75 || { echo 'CoreDNS does not serve its files; its log ends:' >&2; ${unitLog('coredns')}; exit 1; }`
