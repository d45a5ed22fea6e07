import { quoteAll } from '../shell/quote.ts'

/** What a family's section of the probe script printed. */
export interface Answer {
  readonly out: string
  readonly err: string
  /** Exit status of the section's last command. */
  readonly code: number
}

/**
 * One kind of question about a host. All questions of a family that are asked together travel as one script
 * with as few processes as possible: a process costs 0.7 ms on the host, its arguments almost nothing.
 */
export interface Family<T> {
  /**
   * Most bytes that a sound answer has on either stream, generously: for each argument, and `besides` for all. Who says
   * more is ended (Batch.maxBytes).
   */
  readonly bytes: { readonly each: number; readonly besides?: number }
  /**
   * Read-only shell text that answers all `args`. `mark` separates records where needed; `spelled` is the
   * same mark for the format of the shell's own printf: no other process may get it as an argument (lib/ssh/word.ts).
   */
  script(args: readonly string[], spelled: string): string
  /** Files whose bytes the script reads; `reading` (lib/shell/staging.ts) then stands ahead of it. */
  reads?(args: readonly string[]): readonly string[]
  /**
   * One fact per argument, in order. Strict: throws when the answer is not exactly what the script prints,
   * so that a broken probe is an error and never "absent".
   */
  parse(answer: Answer, args: readonly string[], mark: string): T[]
}

const unexpected = (family: string, text: string): string =>
  `${family}: the host answered something unexpected: ${JSON.stringify(text.slice(0, 200))}`

/** The host answered something that no working probe prints. */
export class GarbledProbe extends Error {
  override name = 'GarbledProbe'
  readonly #family: string
  readonly #text: string
  constructor(family: string, text: string) {
    super(unexpected(family, text))
    this.#family = family
    this.#text = text
  }

  /** The message without what `hide` takes out: before the answer is shortened, for a part of a secret looks like none. */
  told(hide: (text: string) => string): string {
    return unexpected(this.#family, hide(this.#text))
  }
}

/** fmc does not read a file whose directory somebody else could exchange. */
export class Refused {
  /** What stands in the way, for people. */
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/** Runs `then` with the paths for which `test` holds as "$@"; says "absent PATH" for the others. Records end with NUL. */
export const forExisting = (test: string, args: readonly string[], then: string): string =>
  `set --; for p in ${quoteAll(args)}; do if ${test}; then set -- "$@" "$p"; else printf 'absent %s\\0' "$p"; fi; done; [ $# -eq 0 ] || ${then}`

/** The shell's question whether `$p` is a file that can be read; a link is none. */
export const IS_FILE = '[ -f "$p" ] && [ ! -L "$p" ]'

/** Parses "HEAD /absolute/path" records of forExisting; null where absent. */
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

/** The lines of an answer that must end with a line end, or be empty. */
export function wholeLines(family: string, out: string): string[] {
  const lines = out.split('\n')
  if (lines.pop() !== '') throw new GarbledProbe(family, out.slice(-200))
  return lines
}

/** One line of the answer per argument. */
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
