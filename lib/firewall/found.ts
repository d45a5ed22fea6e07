import type { Probe } from './probes.ts'

/** What a host saw when it tried a connection. */
export type Seen = 'open' | 'answered' | 'refused' | 'unreachable' | 'silent' | 'failed'
const SEEN: readonly string[] = ['open', 'answered', 'refused', 'unreachable', 'silent', 'failed']

/**
 * What that means:
 * - `open`: a program answered.
 * - `no service`: it arrived, and nothing listens there.
 * - `blocked`: it never arrived, or no answer came back.
 * - `rejected`: a firewall answered in the target's place: a program listens there.
 * - `unknown`: a program that listens need not answer (UDP), or the target is not known.
 */
export type Found = 'open' | 'no service' | 'blocked' | 'rejected' | 'unknown'

/** UDP services that answer a question: an empty one to a DNS server (RFC 1035), a client's to an NTP server (RFC 5905). */
const QUESTIONS: Readonly<Record<number, string>> = {
  53: String.raw`\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01`,
  123: String.raw`\x1b${String.raw`\x00`.repeat(47)}`,
}

/** Tried at the same time by one host. */
const AT_ONCE = 32

/**
 * Shell text that tries connections and prints a line "NUMBER SEEN" for each. It uses bash's /dev/tcp and /dev/udp (bash(1),
 * REDIRECTION) and timeout(1), sends nothing over TCP, and writes no file. Addresses and ports are numbers.
 */
export const probeScript = (probes: readonly Probe[], seconds: number): string => `bash -s <<'END'
export LC_ALL=C
seen() {
  case $1:$2 in
  0:*) echo open ;;
  124:*) echo silent ;;
  *refused* | *reset*) echo refused ;;
  *'No route'* | *nreachable* | *rohibited*) echo unreachable ;;
  *'timed out'*) echo silent ;;
  *) echo failed ;;
  esac
}
tcp() {
  said=$(timeout ${seconds} bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$2" "$3" 2>&1 </dev/null)
  echo "$1 $(seen $? "$said")"
}
udp() {
  said=$(timeout ${seconds} bash -c 'exec 3<>"/dev/udp/$1/$2" || exit; for n in 1 2 3; do printf "$3" >&3; sleep 0.7; done 2>/dev/null & head -c 1 <&3 2>&1 >/dev/null' bash "$2" "$3" "$4" 2>&1 </dev/null)
  case $? in 0) echo "$1 answered" ;; 124) echo "$1 silent" ;; *) echo "$1 $(seen 1 "$said")" ;; esac
}
slot() { while [ "$(jobs -rp | wc -l)" -ge ${AT_ONCE} ]; do wait -n; done; }
${probes.map((p, i) => `slot; ${lineOf(p, i)} &`).join('\n')}
wait
END`

const lineOf = ({ proto, target, port }: Probe, i: number): string =>
  proto === 'tcp'
    ? `tcp ${i} ${target} ${port}`
    : `udp ${i} ${target} ${port} '${QUESTIONS[port] ?? String.raw`\x00`}'`

/** What a host has seen, by the number of the probe. Lines that make no sense are left out: the host may print anything. */
export const seenIn = (stdout: string): ReadonlyMap<number, Seen> =>
  new Map(
    stdout.split('\n').flatMap((line): [number, Seen][] => {
      const [, number = '', word = ''] = /^(\d{1,6}) ([a-z]+)$/.exec(line) ?? []
      return SEEN.includes(word) ? [[Number(number), word as Seen]] : []
    }),
  )

/** Read-only shell text that prints the sockets of programs that listen for others (ss(8)), and the host's addresses (ip-address(8)). */
export const LISTENING = `t=$(ss -Hltn) && u=$(ss -Hlun) && a=$(ip -o -4 addr show) || exit
printf '%s\\n' "$t" | sed 's/^/tcp /'
printf '%s\\n' "$u" | sed 's/^/udp /'
printf '%s\\n' "$a" | sed 's/^/addr /'`

/** An address with an interface's name (15 characters, IFNAMSIZ) and a port is shorter. */
const LONGEST_WORD = 64

/**
 * Where programs listen for others: `*:22/tcp`, `10.17.3.11:53/udp`; and the host's addresses: `@10.17.3.11`. A host may print
 * anything: a line costs time in proportion to its length.
 */
export const listeningIn = (stdout: string): ReadonlySet<string> =>
  new Set(
    stdout.split('\n').flatMap(line => {
      const [, own] = /^addr .*\sinet (\d{1,3}(?:\.\d{1,3}){3})[/ ]/.exec(line) ?? []
      if (own !== undefined) return [`@${own}`]
      const [proto = '', ...words] = line.trim().split(/\s+/)
      const local = words.find(word => word.length <= LONGEST_WORD && /:\d{1,5}$/.test(word)) ?? ''
      const [, address = '', port = ''] = /^(.*?)(?:%[^:]*)?:(\d{1,5})$/.exec(local) ?? []
      const where = EVERYWHERE.has(address) ? '*' : address
      const isForOthers = where === '*' || /^(?!127\.)\d{1,3}(\.\d{1,3}){3}$/.test(where)
      return isForOthers && (proto === 'tcp' || proto === 'udp')
        ? [`${where}:${Number(port)}/${proto}`]
        : []
    }),
  )

const EVERYWHERE = new Set(['0.0.0.0', '*', '[::]'])

/** Does a program listen there? */
export const listensOn = (
  set: ReadonlySet<string>,
  { target, port, proto }: Pick<Probe, 'target' | 'port' | 'proto'>,
): boolean => ['*', target].some(address => set.has(`${address}:${port}/${proto}`))

/**
 * What became of a connection. A port on which nothing listens answers with a reset or ICMP; a firewall may do so, too. Only
 * the target can tell: `listens` says whether a program listens there; undefined: it could not be asked, and may be down.
 */
export function foundBy(
  seen: Seen | undefined,
  { proto, port }: Pick<Probe, 'proto' | 'port'>,
  listens: boolean | undefined,
): Found {
  if (seen === 'open' || seen === 'answered') return 'open'
  if (seen === 'refused') return listens === true ? 'rejected' : 'no service'
  if (seen === 'unreachable') return listens === undefined ? 'unknown' : 'rejected'
  if (seen !== 'silent') return 'unknown'
  if (proto === 'tcp') return listens === undefined ? 'unknown' : 'blocked'
  // Where nothing listens, the target's kernel would have answered.
  return listens === false || (listens === true && port in QUESTIONS) ? 'blocked' : 'unknown'
}

/** Does it differ from what the inventory declares? Undefined: nobody can tell. */
export const differs = (
  { declared }: Pick<Probe, 'declared'>,
  found: Found,
): boolean | undefined =>
  found === 'unknown'
    ? undefined
    : (declared === 'allow') !== (found === 'open' || found === 'no service')
