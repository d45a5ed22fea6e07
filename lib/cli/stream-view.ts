import type { Host } from '../inventory/types.ts'
import { pad, width } from '../report/width.ts'
import { count } from '../report/words.ts'
import { createStyle } from '../report/style.ts'
import { cleanBlock } from '../text/sanitise.ts'
import { HostLines } from './host-lines.ts'
import { drained, printError, printJson, printVersion, reportTarget, writeLine } from './print.ts'

/** How the command ended on one host. */
export interface HostEnd {
  readonly host: Host
  readonly kind: 'exit' | 'timed out' | 'interrupted' | 'not started' | 'failed' | 'unreachable'
  /** Of `exit`. */
  readonly code?: number | undefined
  /** Of `failed` and `unreachable`. */
  readonly why?: string | undefined
  readonly hint?: string | undefined
  readonly seconds?: number | undefined
}

/** Shows a command that runs on many hosts. */
export interface View {
  /** A piece of a host's output; the host waits until a returned promise resolves. */
  output(host: Host, stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> | undefined
  ended(end: HostEnd): void
  /** All hosts have ended. */
  summary(ends: readonly HostEnd[], o: { readonly endless?: boolean | undefined }): void
}

type Hide = (text: string) => string

/** Colours for the names of hosts; red is for failures. */
const COLOURS = [36, 33, 32, 35, 34]

/** Every line with its host's name; what a host prints on stderr goes to stderr. */
export async function textView(hosts: readonly Host[], hide: Hide): Promise<View> {
  const { color } = reportTarget()
  const style = await createStyle(color)
  const room = Math.max(...hosts.map(h => width(h.name)))
  const lines = new Map<string, HostLines>()
  const linesOf = (host: Host, stream: 'stdout' | 'stderr'): HostLines => {
    const key = `${host.name} ${stream}`
    const colour = COLOURS[hosts.indexOf(host) % COLOURS.length] ?? 36
    const name = `${pad(host.name, room)} | `
    const prefix = color ? `\u001b[${colour}m${name}\u001b[0m` : name
    const found =
      lines.get(key) ?? new HostLines(line => writeLine(stream, `${prefix}${line}`.trimEnd()), hide)
    lines.set(key, found)
    return found
  }
  return {
    output(host, stream, bytes) {
      linesOf(host, stream).push(bytes)
      return drained(stream)
    },
    ended({ host }) {
      for (const stream of ['stdout', 'stderr'] as const) linesOf(host, stream).end()
    },
    summary(ends, { endless }) {
      const shown = endless ? ends.filter(e => rank(e) < OK && e.kind !== 'interrupted') : ends
      if (shown.length === 0) return
      printError('')
      for (const end of shown.toSorted((a, b) => rank(a) - rank(b))) {
        const paint = end.code === 0 ? style.status.ok : style.status[statusOf(end)]
        const text = paint(`${pad(`${end.host.name}:`, room + 1)} ${wordsOf(end)}`)
        writeLine('stderr', text)
        if (end.hint !== undefined) printError(`  ${end.hint}`)
      }
      if (!endless) printError(totals(ends))
    },
  }
}

const statusOf = ({ kind }: HostEnd): 'failed' | 'unreachable' | 'skipped' =>
  kind === 'unreachable' ? kind : kind === 'not started' ? 'skipped' : 'failed'

const OK = 4
/** Failures come first, then hosts that were not reached; within a rank the inventory's order stays. */
const rank = ({ kind, code }: HostEnd): number => {
  if (kind === 'exit') return code === 0 ? OK : 0
  return { failed: 0, 'timed out': 0, unreachable: 1, interrupted: 2, 'not started': 3 }[kind]
}

const wordsOf = ({ kind, code, why, seconds }: HostEnd): string => {
  if (kind === 'exit') return `exit ${code ?? 0}`
  if (kind === 'timed out')
    return `timed out after ${Math.round(seconds ?? 0)} s; fmc ended the command`
  return why === undefined ? kind : `${kind}: ${cleanLines(why)}`
}

/** Further lines of an error are indented, so that they cannot pass for another host's. */
const cleanLines = (text: string): string => cleanBlock(text).replaceAll('\n', '\n  ')

const totals = (ends: readonly HostEnd[]): string => {
  const of = (is: (end: HostEnd) => boolean): number => ends.filter(is).length
  const parts: [number, string][] = [
    [of(e => rank(e) === 0), 'failed'],
    [of(e => e.kind === 'unreachable'), 'unreachable'],
    [of(e => e.kind === 'interrupted'), 'interrupted'],
    [of(e => e.kind === 'not started'), 'not started'],
    [of(e => rank(e) === OK), 'ok'],
  ]
  const words = parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`)
  return `${count(ends.length, 'host')}: ${words.join(', ')}`
}

/** Most bytes of each stream of a host that its line of NDJSON has; the rest is cut off, and `truncated` is set. */
const MOST = 16 * 1024 * 1024
/** After `hide` so many characters at the cut are left out: there a secret may be incomplete. */
const TAIL = 4096

/** NDJSON: a version, one line per host as soon as it has ended, and a recap. */
export function jsonView(hosts: readonly Host[], hide: Hide): Promise<View> {
  printVersion()
  const kept = new Map(hosts.map(h => [h.name, { stdout: new Kept(), stderr: new Kept() }]))
  const line = ({ host, kind, code, why, hint, seconds }: HostEnd): void => {
    const { stdout, stderr } = kept.get(host.name) ?? { stdout: new Kept(), stderr: new Kept() }
    kept.delete(host.name)
    printJson({
      type: 'host',
      host: host.name,
      status: kind === 'exit' ? (code === 0 ? 'ok' : 'failed') : kind,
      code,
      seconds,
      message: why,
      hint,
      stdout: stdout.text(hide),
      stderr: stderr.text(hide),
      ...(stdout.truncated || stderr.truncated ? { truncated: true } : {}),
    })
  }
  return Promise.resolve({
    output(host, stream, bytes) {
      kept.get(host.name)?.[stream].push(bytes)
      return undefined
    },
    ended: line,
    summary(ends) {
      for (const end of ends) if (kept.has(end.host.name)) line(end)
      const number = (...ranks: number[]): number =>
        ends.filter(e => ranks.includes(rank(e))).length
      printJson({
        type: 'recap',
        ok: number(OK),
        failed: number(0),
        unreachable: number(1),
        interrupted: number(2, 3),
      })
    },
  })
}

/** The first bytes of a stream. */
export class Kept {
  readonly #chunks: Buffer[] = []
  readonly #most: number
  #size = 0
  truncated = false

  constructor(most = MOST) {
    this.#most = most
  }

  push(bytes: Buffer): void {
    const room = this.#most + TAIL - this.#size
    if (bytes.length > room) this.truncated = true
    if (room <= 0) return
    this.#chunks.push(Buffer.from(bytes.subarray(0, room)))
    this.#size += Math.min(room, bytes.length)
  }

  text(hide: Hide): string {
    const text = hide(Buffer.concat(this.#chunks).toString('utf8'))
    return this.truncated ? text.slice(0, -TAIL) : text
  }
}
