import { createHash } from 'node:crypto'
import { excerpt, quoteAll, quote, TaskError } from '../../lib/index.ts'
import { PATIENT_DIG } from '../shared/dns/dig.ts'

/** What a host has of a zone: serial and checksum of its file, or only the served serial if the file is lost or not ours. */
export interface Known {
  readonly serial: number
  readonly sha256?: string | undefined
}

/** The first serial of a zone. */
const FIRST_SERIAL = 1

/** sed expression that prints the serial of a zone file of ours. */
export const SERIAL_SED = String.raw`s/^ *\([0-9][0-9]*\) ; serial$/\1/p`

/**
 * The serial for a zone: the known one if the zone rendered with it is the host's file, else the next (RFC 1982). So it
 * changes with the content alone, and planning twice gives the same file.
 */
export function serialFor(known: Known | undefined, render: (serial: number) => string): number {
  if (!known) return FIRST_SERIAL
  const same = createHash('sha256').update(render(known.serial)).digest('hex') === known.sha256
  if (same) return known.serial
  return known.serial >= 0xffff_ffff ? 1 : known.serial + 1
}

/** Read-only shell text that prints what `serialFor` needs for these zones; `parseSerials` reads it. */
export function serialsScript(
  zones: readonly { readonly name: string; readonly path: string }[],
): string {
  const paths = quoteAll(zones.map(z => z.path))
  // A slow server must not count as one that serves nothing: the serial would go backwards.
  const lost = zones.map(
    z =>
      `grep -qs ' ; serial$' -- ${quote(z.path)} || ! command -v dig >/dev/null || printf 'live %s %s\\n' ${quote(z.name)} "$(${PATIENT_DIG} @127.0.0.1 ${quote(z.name)} SOA | sed -n 's/^[^ ;]* [^ ]* \\([0-9]*\\) .*/\\1/p')"`,
  )
  return [
    `grep -sH ' ; serial$' -- ${paths} /dev/null`,
    `sha256sum -- ${paths} 2>/dev/null`,
    ...lost,
    'true',
  ].join('\n')
}

/** Parses the answer of `serialsScript`. Throws TaskError for a line that the script cannot print. */
export function parseSerials(
  answer: string,
  zones: readonly { readonly name: string; readonly path: string }[],
): Map<string, Known> {
  const serials = new Map<string, number>()
  const sums = new Map<string, string>()
  const live = new Map<string, number>()
  for (const line of answer.split('\n').filter(Boolean)) {
    const file = /^(\/.*): *(\d{1,10}) ; serial$/.exec(line)
    const sum = /^([0-9a-f]{64}) {2}(\/.*)$/.exec(line)
    const served = /^live (\S+) (\d{0,10})$/.exec(line)
    if (file) serials.set(file[1] ?? '', Number(file[2]))
    else if (sum) sums.set(sum[2] ?? '', sum[1] ?? '')
    else if (served?.[2]) live.set(served[1] ?? '', Number(served[2]))
    else if (!served && !line.endsWith(' ; serial'))
      throw new TaskError(`the host's answer about its zones makes no sense: ${excerpt(line)}`)
  }
  const known = new Map<string, Known>()
  for (const { name, path } of zones) {
    const serial = serials.get(path) ?? live.get(name)
    if (serial !== undefined) known.set(name, { serial, sha256: sums.get(path) })
  }
  return known
}
