import { forExisting, GarbledProbe, pathRecords, type Family } from './family.ts'

export interface PathFact {
  readonly type: 'file' | 'directory' | 'link' | 'other'
  /** Four octal digits, e.g. 0644. */
  readonly mode: string
  /** Name, or the number when no user has it. */
  readonly owner: string
  readonly group: string
}

const TYPES: Record<string, PathFact['type']> = { '8': 'file', '4': 'directory', a: 'link' }

/** Type, mode and owner of a path itself (links are not followed); null when there is nothing. */
export const path: Family<PathFact | null> = {
  script: args =>
    forExisting(
      '[ -e "$p" ] || [ -L "$p" ]',
      args,
      String.raw`stat --printf '%f %U %G %u %g %n\0' --`,
    ),
  parse: (answer, args) =>
    pathRecords('path', answer, args, head => {
      const [hex = '', owner = '', group = '', uid = '', gid = ''] = head.split(' ')
      const raw = Number.parseInt(hex, 16)
      if (!raw || !gid) throw new GarbledProbe('path', head)
      return {
        type: TYPES[hex[0] ?? ''] ?? 'other',
        mode: (raw & 0o7777).toString(8).padStart(4, '0'),
        owner: owner === 'UNKNOWN' ? uid : owner,
        group: group === 'UNKNOWN' ? gid : group,
      }
    }),
}

/** SHA-256 of a regular file (links followed), lower-case hex; null when there is none. */
export const sha: Family<string | null> = {
  script: args => forExisting('[ -f "$p" ]', args, 'sha256sum -z --'),
  parse: (answer, args) =>
    pathRecords('sha', answer, args, head => {
      if (!/^[0-9a-f]{64}$/.test(head)) throw new GarbledProbe('sha', head)
      return head
    }),
}

/** Where a symbolic link points, as written; null when the path is no link. */
export const link: Family<string | null> = {
  script: args => forExisting('[ -L "$p" ]', args, 'readlink -z --'),
  parse({ out, code }, args) {
    if (code !== 0) throw new GarbledProbe('link', `exit ${code}: ${out}`)
    const records = out.split('\0').slice(0, -1)
    const absent = new Set(records.filter(r => r.startsWith('absent /')).map(r => r.slice(7)))
    const targets = records.filter(r => !r.startsWith('absent /'))
    if (targets.length + absent.size !== new Set(args).size) throw new GarbledProbe('link', out)
    let next = 0
    const found = new Map<string, string>()
    for (const arg of new Set(args)) if (!absent.has(arg)) found.set(arg, targets[next++] ?? '')
    return args.map(arg => found.get(arg) ?? null)
  },
}

/** The bytes of a regular file up to 256 KiB, base64 in transit; null when absent or larger. Asked only for diffs. */
export const content: Family<Buffer | null> = {
  script: args =>
    `for p in ${args.map(a => `'${a.replaceAll("'", `'\\''`)}'`).join(' ')}; do if [ -f "$p" ] && [ "$(stat -Lc %s -- "$p")" -le 262144 ]; then base64 -w0 -- "$p"; printf '\\n'; else echo -; fi; done`,
  parse({ out, code }, args) {
    const lines = out.split('\n')
    if (code !== 0 || lines.length !== args.length + 1) throw new GarbledProbe('content', out)
    return args.map((_, i) => {
      const line = lines[i] ?? ''
      if (line === '-') return null
      if (!/^[A-Za-z0-9+/=]*$/.test(line)) throw new GarbledProbe('content', line)
      return Buffer.from(line, 'base64')
    })
  },
}
