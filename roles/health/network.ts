import { probe, vips } from '../../lib/index.ts'
import { OWN_CURL } from '../shared/curl.ts'

/** HTTP status by "address:port" of a VIP, as this host gets it through the balancers; 0: no answer. */
export type Answers = Readonly<Record<string, number>>

const ASK = `command -v curl >/dev/null || exit 0
for v in $vips; do
  port=\${v##*:}; scheme=https; [ "$port" != 80 ] || scheme=http
  path=/; [ "$port" != 6443 ] || path=/readyz
  echo "$v $(${OWN_CURL} -sk -m 4 -o /dev/null -w '%{http_code}' "$scheme://$v$path")"
done`

/** Asks every port of every VIP, from outside of the balancers. */
export async function vipAnswers(): Promise<Answers> {
  const all = vips().flatMap(v => v.ports.map(p => `${v.address}:${p}`))
  const { stdout } = await probe({ estimate: false })`vips=${all.join(' ')}; eval ${ASK}`
  return parseAnswers(stdout)
}

export const parseAnswers = (text: string): Answers =>
  Object.fromEntries(
    [...text.matchAll(/^([\d.]+:\d+) (\d{3})$/gm)].map(([, where = '', code]) => [
      where,
      Number(code),
    ]),
  )
