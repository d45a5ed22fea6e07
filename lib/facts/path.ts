import { quoteAll } from '../shell/quote.ts'
import {
  forExisting,
  GarbledProbe,
  IS_FILE,
  linePerArgument,
  pathRecords,
  Refused,
  type Family,
} from './family.ts'

/** What a path is; links are not followed. */
export interface PathFact {
  readonly type: 'file' | 'directory' | 'link' | 'other'
  /** Four octal digits, e.g. 0644. */
  readonly mode: string
  /** Name, or number if no user has it. */
  readonly owner: string
  readonly group: string
}

const TYPES: Record<string, PathFact['type']> = { '8': 'file', '4': 'directory', a: 'link' }

/** Type, mode and owner of a path itself (links are not followed); null: nothing is there. */
export const path: Family<PathFact | null> = {
  bytes: { each: 5 * 1024 },
  script: args =>
    forExisting(
      '[ -e "$p" ] || [ -L "$p" ]',
      args,
      String.raw`stat --printf '%f %u %g %U:%G %n\0' -- "$@"`,
    ),
  parse: (answer, args) =>
    pathRecords('path', answer, args, head => {
      // Names from sources other than /etc/passwd may contain blanks.
      const [, hex = '', uid = '', gid = '', owner = '', group = ''] =
        /^([0-9a-f]+) (\d+) (\d+) ([^:]+):([^:]+)$/.exec(head) ?? []
      const raw = Number.parseInt(hex, 16)
      if (!raw) throw new GarbledProbe('path', head)
      return {
        type: TYPES[(raw >> 12).toString(16)] ?? 'other',
        mode: (raw & 0o7777).toString(8).padStart(4, '0'),
        owner: owner === 'UNKNOWN' ? uid : owner,
        group: group === 'UNKNOWN' ? gid : group,
      }
    }),
}

/** `/` in a reason: the first `/` of a record begins its path. */
const SLASH = '\x01'

/**
 * SHA-256 of a regular file in lower-case hex; null: there is none. Links are not followed. Refused: fmc would not write there
 * either, which also holds for a file that is still to be made.
 */
export const sha: Family<string | null | Refused> = {
  bytes: { each: 5 * 1024 },
  reads: args => args,
  script: args =>
    // A file that cannot be read to its end gets one byte more, and so a checksum that matches nothing.
    `fmc_sum() ( fmc_beside "$1" && s=$({ fmc_bytes "$1" || echo; } 2>/dev/null | sha256sum) && printf '%s' "\${s%% *}" )
fmc_refused() { printf 'refused %s %s\\0' "$(printf %s "$2" | tr / '\\001')" "$1"; }
set --
for p in ${quoteAll(args)}; do
  if ! { ${IS_FILE}; }; then
    if [ -e "$p" ] || [ -L "$p" ] || ! [ -d "\${p%/*}/" ] || fmc_closed "$p" || s=$( (fmc_beside "$p") 2>&1); then printf 'absent %s\\0' "$p"; else fmc_refused "$p" "$s"; fi
  elif fmc_closed "$p"; then set -- "$@" "$p"
  elif s=$(fmc_sum "$p" 2>&1); then printf '%s %s\\0' "$s" "$p"
  else fmc_refused "$p" "$s"; fi
done
[ $# -eq 0 ] || sha256sum -z -- "$@"`,
  parse: (answer, args) =>
    pathRecords('sha', answer, args, head => {
      if (head.startsWith('refused ')) return new Refused(head.slice(8).replaceAll(SLASH, '/'))
      if (!/^[0-9a-f]{64}$/.test(head)) throw new GarbledProbe('sha', head)
      return head
    }),
}

/** The target of a symbolic link as written; null: the path is not a link. */
export const link: Family<string | null> = {
  bytes: { each: 9 * 1024 },
  // The output has the absent paths, then the number of links, then their targets.
  script: args => forExisting('[ -L "$p" ]', args, `{ printf '%d\\0' $#; readlink -z -- "$@"; }`),
  parse({ out, err, code }, args) {
    if (code !== 0) throw new GarbledProbe('link', `exit ${code}: ${err || out}`)
    const records = out.split('\0').slice(0, -1)
    const count = records.findIndex(r => !r.startsWith('absent /'))
    const absent = new Set(records.slice(0, count < 0 ? undefined : count).map(r => r.slice(7)))
    const targets = count < 0 ? [] : records.slice(count + 1)
    const linked = args.filter(arg => !absent.has(arg))
    if (
      (count >= 0 && records[count] !== String(targets.length)) ||
      targets.length !== linked.length ||
      absent.size + linked.length !== args.length
    )
      throw new GarbledProbe('link', out)
    const found = new Map(linked.map((arg, i) => [arg, targets[i]]))
    return args.map(arg => found.get(arg) ?? null)
  },
}

/** The bytes of a file: a Buffer, declared by what roles use of it, so that its type needs no types of Node. */
export interface FileBytes extends Uint8Array {
  toString(encoding?: 'utf8' | 'latin1' | 'base64' | 'hex'): string
}

/**
 * The bytes of a regular file up to 256 KiB, in base64 on the way; null: absent, larger, or not readable for the owner of its
 * directory.
 */
export const content: Family<FileBytes | null> = {
  bytes: { each: 355 * 1024 },
  reads: args => args,
  script: args =>
    `fmc_show() ( fmc_beside "$1" && if [ "$fmc_uid" = 0 ]; then fmc_bytes "$1" | base64 -w0; else timeout 5 setpriv --reuid="$fmc_uid" --regid="$fmc_gid" --clear-groups base64 -w0 -- "./\${1##*/}" 9>&-; fi ) 2>/dev/null
for p in ${quoteAll(args)}; do if ! { ${IS_FILE}; } || [ "$(stat -c %s -- "$p")" -gt 262144 ]; then echo -; elif fmc_closed "$p"; then base64 -w0 -- "$p"; printf '\\n'; elif s=$(fmc_show "$p"); then printf '%s\\n' "$s"; else echo -; fi; done`,
  parse: ({ out }, args) =>
    linePerArgument('content', out, args, line => {
      if (line === '-') return null
      if (!/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(line))
        throw new GarbledProbe('content', line)
      return Buffer.from(line, 'base64')
    }),
}
