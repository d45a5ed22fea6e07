import { nonsense } from '../../../lib/index.ts'
import type { Zone } from './zones.ts'

/** A question that dig asks, and its right answer. */
export interface Question {
  readonly name: string
  readonly type: string
  /** The whole answer, as dig +short prints it. */
  readonly answer: string
}

/** Questions for the addresses and pointers of a zone that have exactly one answer. */
export function questionsOf(zone: Zone): Question[] {
  const known = zone.records.filter(
    r => (r.type === 'A' && !r.name.startsWith('*')) || r.type === 'PTR',
  )
  const count = new Map<string, number>()
  for (const r of known)
    count.set(`${r.name} ${r.type}`, (count.get(`${r.name} ${r.type}`) ?? 0) + 1)
  return known
    .filter(r => count.get(`${r.name} ${r.type}`) === 1)
    .map(r => ({ name: r.name, type: r.type, answer: r.value }))
}

/** As everywhere, -r: dig(1) does not read root's ~/.digrc. A dig that waits longer, for places where no answer would be mistaken for an empty one. */
export const PATIENT_DIG = 'dig -r +short +norecurse +time=5 +tries=2'

/** Arguments of dig for several questions at once, after its options. */
export const asked = (questions: readonly Pick<Question, 'name' | 'type'>[]): string[] =>
  questions.flatMap(q => [`${q.name}.`, q.type])

/** One answer of the DNS server. */
export interface Answer {
  /** NOERROR, NXDOMAIN, REFUSED … */
  readonly status: string
  /** The server is the authority; the answer is not from a cache. */
  readonly authoritative: boolean
  /** `NAME TTL CLASS TYPE DATA` as name, type, data. */
  readonly records: readonly {
    readonly name: string
    readonly type: string
    readonly data: string
  }[]
}

/** Parses `dig +noall +comments +answer` for any number of questions. Throws TaskError for lines before the first header. */
export function parseDig(text: string): Answer[] {
  const answers: {
    status: string
    authoritative: boolean
    records: Answer['records'][number][]
  }[] = []
  for (const line of text.split('\n')) {
    const header = /^;; ->>HEADER<<- opcode: \w+, status: (\w+),/.exec(line)
    const flags = /^;; flags: ([a-z ]*);/.exec(line)
    const record = /^([^\s;]\S*)\s+\d+\s+\w+\s+(\w+)\s+(.*)$/.exec(line)
    const last = answers.at(-1)
    if (header) answers.push({ status: header[1] ?? '', authoritative: false, records: [] })
    else if (flags || record) {
      if (!last) throw nonsense('dig', 'names', line)
      if (flags) last.authoritative = (flags[1] ?? '').split(' ').includes('aa')
      else
        last.records.push({
          name: record?.[1] ?? '',
          type: record?.[2] ?? '',
          data: record?.[3] ?? '',
        })
    }
  }
  return answers
}

/** true, or the first question whose answer is wrong, missing or not from the authority. */
export function judge(questions: readonly Question[], answers: readonly Answer[]): true | string {
  if (answers.length !== questions.length)
    return `${answers.length} of ${questions.length} questions were answered`
  for (const [i, { name, type, answer }] of questions.entries()) {
    const got = answers[i]
    const data = got?.records.map(r => r.data).join(', ') ?? ''
    if (got?.status !== 'NOERROR') return `${name} ${type}: ${got?.status ?? 'no answer'}`
    const right = type === 'SOA' ? data.split(' ')[2] === answer : data === answer
    if (!right) return `${name} ${type}: ${data === '' ? 'nothing' : data} and not ${answer}`
    if (!got.authoritative) return `${name} ${type}: not from the authority`
  }
  return true
}
