import { ask, probe, quote, TaskError, type Facts, type Host } from '../../lib/index.ts'
import { OWN_CURL } from './curl.ts'
import { HELD } from './drain-marks.ts'
import { adminSocket } from './platform.ts'

/** haproxy's name for the backend that serves a port of a VIP. */
export const backendOf = (vip: { readonly name: string }, port: number): string =>
  `${vip.name}_${port}`

const curl = (balancer: Host): string =>
  `${OWN_CURL} -sS -m 5 --unix-socket ${adminSocket(balancer)}`

/** Shell text that reads haproxy's table of servers into $csv; it ends where haproxy does not run, or is not fmc's. */
export const csvScript = (balancer: Host): string =>
  `[ -e ${adminSocket(balancer)} ] || exit 0
csv=$(${curl(balancer)} 'http://haproxy/;csv') || { echo 'haproxy does not tell the state of its servers' >&2; exit 1; }`

/**
 * Prints BACKEND,STATUS,OTHERS,HELD for a server in each backend, with the number of other servers there that are up, and 1 if another
 * run has drained one of them; nothing where haproxy has none of fmc's admin page.
 */
const statusScript = (balancer: Host, server: string): string =>
  `${csvScript(balancer)}
${HELD}
printf '%s\\n' "$csv" | awk -F, -v server=${quote(server)} '
$2 == server { mine[$1] = $18; next }
$2 !~ /^(FRONTEND|BACKEND)$/ && $18 ~ /^UP/ { others[$1]++ }
END { for (b in mine) print b "," mine[b] "," others[b] + 0 }' | while read -r line; do
if fmc_held "\${line%%,*}" ${quote(server)} >/dev/null; then echo "$line,1"; else echo "$line,0"; fi
done`

/** How a balancer sees a server. */
export interface Status {
  /** haproxy's word for it, such as UP, DOWN, DRAIN or "UP 1/3" (docs.haproxy.org, management guide, "CSV format", field 18). */
  readonly status: string
  /** Other servers of the backend that are up. */
  readonly others: number
  /** Has another run, which is at work, drained one of the others? */
  readonly held: boolean
}
/** By backend. */
export type Statuses = ReadonlyMap<string, Status>

/**
 * Parses what `statusScript` prints, by backend. Lines of another form are left out.
 *
 * @example
 * parseStatuses('api_6443,UP,2,0\n').get('api_6443')?.status // UP
 */
export const parseStatuses = (text: string): Statuses =>
  new Map(
    [...text.matchAll(/^([\w.-]{1,200}),([A-Za-z][\w ()/-]{0,60}),(\d{1,6}),([01])$/gm)].map(
      ([, backend = '', status = '', others, held]) => [
        backend,
        { status, others: Number(others), held: held === '1' },
      ],
    ),
  )

/** The answer to `statusQuestion`, by backend. Throws TaskError when haproxy does not answer. */
export function statusesIn({ code, stdout, stderr }: Facts['command']): Statuses {
  if (code !== 0) throw new TaskError(stderr.trim() || 'haproxy does not answer')
  return parseStatuses(stdout)
}

/** The question for the state of a server, as this balancer sees it. */
export const statusQuestion = (balancer: Host, server: string) =>
  ask('command', `sh -c ${quote(statusScript(balancer, server))}`, {
    code: 0,
    stdout: '',
    stderr: '',
  })

/** Sets the state of a server in one backend; haproxy answers with a redirect to a page named by the outcome. */
export const setting = (
  balancer: Host,
  server: string,
  backend: string,
  action: 'drain' | 'ready',
) =>
  `o=$(${curl(balancer)} -o /dev/null -w '%{redirect_url}' --data-urlencode ${quote(`s=${server}`)} --data-urlencode ${quote(`b=${backend}`)} -d action=${action} http://haproxy/)
case $o in *st=DONE | *st=NONE) ;; *) echo ${quote(`haproxy does not set ${server} in ${backend} to ${action}: `)}"$o" >&2; exit 1 ;; esac`

/** On a balancer: how it sees a server, by backend. Throws TaskError when haproxy does not answer. */
export const statusesHere = async (balancer: Host, server: string): Promise<Statuses> => {
  const { exitCode, stdout, stderr } = await probe({
    estimate: false,
    whenNew: '',
  })`sh -c ${statusScript(balancer, server)}`
  return statusesIn({ code: exitCode ?? 1, stdout, stderr })
}

/** On a balancer: the servers, as BACKEND/SERVER, to which its haproxy sends no new connections although it could. */
export async function drainedHere(balancer: Host): Promise<readonly string[]> {
  const { stdout } = await probe({
    estimate: false,
    whenNew: '',
  })`sh -c ${`${csvScript(balancer)}
printf '%s\\n' "$csv" | awk -F, '$18 ~ /^DRAIN/ { print $1 "/" $2 }'`}`
  return stdout.split('\n').filter(line => /^[\w.-]{1,200}\/[\w.-]{1,253}$/.test(line))
}
