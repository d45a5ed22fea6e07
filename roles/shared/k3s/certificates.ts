import { TaskError, type Facts } from '../../../lib/index.ts'

/** Prints `certificate SECONDS` for each of K3s's certificates that is no authority, and `now SECONDS`. */
export const CERTIFICATES = `cd /var/lib/rancher/k3s 2>/dev/null || { date +'now %s'; exit 0; }
for c in server/tls/*.crt server/tls/etcd/*.crt agent/*.crt; do
  case $c in *-ca.crt|*ca.nochain.crt) ;; *) [ ! -e "$c" ] || { e=$(openssl x509 -noout -enddate -in "$c") && date -d "\${e#*=}" +'certificate %s'; } || exit 1 ;; esac
done
date +'now %s'`

export interface Dates {
  /** Days until the first certificate ends. */
  readonly certificateDays: number | undefined
  /** Hours since its newest snapshot. */
  readonly snapshotHours: number | undefined
}

/** Parses the lines `certificate SECONDS`, `snapshot SECONDS`, `now SECONDS`. Throws TaskError for other text. */
export function parseDates({ code, stdout, stderr }: Facts['command']): Dates {
  const all = (key: string): number[] =>
    [...stdout.matchAll(new RegExp(`^${key} (\\d{1,12})$`, 'gm'))].map(m => Number(m[1]))
  const [now] = all('now')
  const [ends, made] = [all('certificate'), all('snapshot')]
  const [first, latest] = [ends.reduce(smaller, Infinity), made.reduce(larger, -Infinity)]
  if (code !== 0 || now === undefined)
    throw new TaskError(`cannot read the dates of certificates: ${lastLine(stderr) || 'no answer'}`)
  return {
    certificateDays: ends.length > 0 ? Math.floor((first - now) / 86_400) : undefined,
    snapshotHours: made.length > 0 ? Math.max(0, (now - latest) / 3600) : undefined,
  }
}

const smaller = (a: number, b: number): number => Math.min(a, b)
const larger = (a: number, b: number): number => Math.max(a, b)

/** The last line of a command's stderr. */
export const lastLine = (stderr: string): string =>
  (stderr.trim().split('\n').at(-1) ?? '').slice(0, 200)
