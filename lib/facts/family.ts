import { quoteAll } from '../shell/quote.ts'

/** The output of one family's section of the probe script. */
export interface Answer {
  readonly out: string
  readonly err: string
  /** Exit status of the section's last command. */
  readonly code: number
}

/**
 * One kind of query about a host. All queries of a family that are asked together run as one script with as few processes as
 * possible: a process costs 0.7 ms on the host, its arguments almost nothing.
 */
export interface Family<T> {
  /**
   * A generous limit for the bytes of an answer on either stream: for each argument, and `besides` for all together. A host
   * that prints more is cut off (Batch.maxBytes).
   */
  readonly bytes: { readonly each: number; readonly besides?: number }
  /**
   * Read-only shell text that answers all `args`. `spelled` is a mark that separates records where needed, for the format of
   * the shell's own printf: no other process may get it as an argument (lib/ssh/word.ts). `parse` gets it as `mark`.
   */
  script(args: readonly string[], spelled: string): string
  /** The files whose bytes the script reads. The functions of `reading` (lib/shell/staging.ts) then precede the script. */
  reads?(args: readonly string[]): readonly string[]
  /**
   * One fact per argument, in order. Strict: throws GarbledProbe for anything but what the script prints, so that a broken
   * probe is an error and never means "absent".
   */
  parse(answer: Answer, args: readonly string[], mark: string): T[]
}

const unexpected = (family: string, text: string): string =>
  `${family}: the host answered something unexpected: ${JSON.stringify(text.slice(0, 200))}`

/** The host's answer is not what the probe prints. */
export class GarbledProbe extends Error {
  override name = 'GarbledProbe'
  readonly #family: string
  readonly #text: string
  constructor(family: string, text: string) {
    super(unexpected(family, text))
    this.#family = family
    this.#text = text
  }

  /** The message, redacted by `hide` before the answer is shortened: a cut secret would no longer match. */
  redacted(hide: (text: string) => string): string {
    return unexpected(this.#family, hide(this.#text))
  }
}

/** Instead of a fact: fmc refuses to read a file whose directory another user could exchange. */
export class Refused {
  /** The reason, for people. */
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/**
 * Shell text that runs `then` with the paths that pass `test` as "$@", and prints "absent PATH" for the others. Records end
 * with NUL.
 */
export const forExisting = (test: string, args: readonly string[], then: string): string =>
  `set --; for p in ${quoteAll(args)}; do if ${test}; then set -- "$@" "$p"; else printf 'absent %s\\0' "$p"; fi; done; [ $# -eq 0 ] || ${then}`

/** Shell test: `$p` is a regular file and not a link. */
export const IS_FILE = '[ -f "$p" ] && [ ! -L "$p" ]'

/** Parses the records "HEAD /absolute/path" of forExisting; null for an absent path. */
export function pathRecords<T>(
  family: string,
  { out, err, code }: Answer,
  args: readonly string[],
  read: (head: string) => T,
): (T | null)[] {
  if (code !== 0) throw new GarbledProbe(family, `exit ${code}: ${err || out}`)
  const asked = new Set(args)
  const seen = new Map<string, T | null>()
  const records = out.split('\0')
  if (records.pop() !== '') throw new GarbledProbe(family, out.slice(-200))
  for (const record of records) {
    const cut = record.indexOf('/')
    const path = record.slice(cut)
    if (cut < 0 || seen.has(path) || !asked.has(path)) throw new GarbledProbe(family, record)
    const head = record.slice(0, cut).trim()
    seen.set(path, head === 'absent' ? null : read(head))
  }
  return args.map(path => {
    const fact = seen.get(path)
    if (fact === undefined) throw new GarbledProbe(family, `no answer for ${path}`)
    return fact
  })
}

/** The lines of an answer, which must be empty or end with a line break. */
export function wholeLines(family: string, out: string): string[] {
  const lines = out.split('\n')
  if (lines.pop() !== '') throw new GarbledProbe(family, out.slice(-200))
  return lines
}

/** Parses an answer of exactly one line per argument. */
export function linePerArgument<T>(
  family: string,
  out: string,
  args: readonly string[],
  read: (line: string, arg: string) => T,
): T[] {
  const lines = wholeLines(family, out)
  if (lines.length !== args.length) throw new GarbledProbe(family, out)
  return args.map((arg, i) => read(lines[i] ?? '', arg))
}
