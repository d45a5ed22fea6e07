import { probe } from '../../../lib/index.ts'
import { asked, judge, parseDig, type Question } from './dig.ts'

/** true when the DNS server on this address answers all questions as the authority, else the first wrong answer. */
export async function dnsAnswers(
  address: string,
  questions: readonly Question[],
): Promise<true | string> {
  const { stdout } =
    await probe`dig -r @${address} +norecurse +time=1 +tries=1 +noall +comments +answer ${asked(questions)}`
  return judge(questions, parseDig(stdout))
}

/** Sends an NTP client's question in one datagram and prints the first two octets of the answer (RFC 5905, 7.3). */
const ASK_NTP = String.raw`exec 3<>/dev/udp/"$0"/123 && { printf '\043'; head -c 47 /dev/zero; } | dd bs=48 count=1 iflag=fullblock status=none >&3 && timeout 2 head -c 48 <&3 | od -An -tu1 -N2`

/** true when the time server on this address answers with the time, else why not. */
export async function timeIsServed(address: string): Promise<true | string> {
  const { stdout } = await probe`bash -c ${ASK_NTP} ${address}`
  return judgeNtp(stdout)
}

/** true when these two octets of an NTP answer come from a synchronised server, else what is wrong. */
export function judgeNtp(octets: string): true | string {
  const [first, stratum] = octets.trim().split(/\s+/).map(Number)
  if (first === undefined || stratum === undefined || Number.isNaN(first))
    return 'no answer over NTP'
  if ((first & 7) !== 4) return `the answer is not a server's (mode ${first & 7})`
  if (first >> 6 === 3 || stratum === 0 || stratum > 15)
    return 'the server does not know the time yet'
  return true
}
