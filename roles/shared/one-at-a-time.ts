import { quote, type Host } from '../../lib/index.ts'
import { csvScript, setting } from './haproxy-admin.ts'
import { HELD, MARKS } from './drain-marks.ts'

/** How long to wait for another run: it may reboot a machine, and wait until its services are up. */
const WAIT_SECONDS = 900
/** Longer than the wait, so that its own words are the error. */
export const DRAIN_TIMEOUT_MS = (WAIT_SECONDS + 60) * 1000

/**
 * Shell text for a balancer: drains a server in these backends. If another run of fmc has drained a different one there that is not up
 * again, it waits, and fails after 15 minutes with the name of that run. Two runs never both drain: they look and drain under one
 * flock(1). Afterwards the last server that is up keeps its connections.
 */
export const drainAlone = (balancer: Host, server: string, backends: readonly string[]): string =>
  `umask 077; mkdir -p ${MARKS}; exec 8>${MARKS}/lock
${HELD}
look() { ${csvScript(balancer)}
}
n=0
while :; do
flock 8
look
for b in ${backends.map(quote).join(' ')}; do if held=$(fmc_held "$b" ${quote(server)}); then break; fi; done
[ -n "$held" ] || break
flock -u 8
[ $n -lt ${WAIT_SECONDS} ] || { printf 'another fmc run has taken away the connections of %s\\n' "$held" >&2; exit 1; }
[ $n -gt 0 ] || printf 'waits for another fmc run, which has taken away the connections of %s\\n' "$held"
n=$((n + 1)); sleep 1
done
for b in ${backends.map(quote).join(' ')}; do echo $$ >${MARKS}/"$b",${quote(server)}; done
others() { printf '%s\\n' "$csv" | awk -F, -v b="$1" -v s=${quote(server)} '$1 == b && $2 != s && $2 !~ /^(FRONTEND|BACKEND)$/ && $18 ~ /^UP/ { n++ } END { exit !n }'; }
${backends.map(b => `if others ${quote(b)}; then\n${setting(balancer, server, b, 'drain')}\nfi`).join('\n')}`
