import { quote } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, wholeLines, type Family } from './family.ts'

/** One mount. */
export interface MountFact {
  readonly source: string
  readonly type: string
  readonly options: readonly string[]
}

const unescape = (s: string): string =>
  s.replace(/\\([0-7]{3})/g, (_, o: string) => String.fromCharCode(Number.parseInt(o, 8)))

/** The last mount at a directory, from /proc/self/mountinfo (proc(5)); null: nothing is mounted there. */
export const mount: Family<MountFact | null> = {
  bytes: { each: 0, besides: 2 * 1024 * 1024 },
  script: () => 'cat /proc/self/mountinfo',
  parse({ out, err, code }, args) {
    if (code !== 0) throw new GarbledProbe('mount', `exit ${code}: ${err || out}`)
    const found = new Map<string, MountFact>()
    for (const record of wholeLines('mount', out)) {
      const [head = '', tail = ''] = record.split(' - ')
      const [, , , , target, options] = head.split(' ')
      const [type, source] = tail.split(' ')
      if (!target?.startsWith('/') || !options || !type) throw new GarbledProbe('mount', record)
      found.set(unescape(target), {
        source: unescape(source ?? ''),
        type,
        options: options.split(','),
      })
    }
    return args.map(dir => found.get(dir) ?? null)
  },
}

/** The content of a block device. */
export interface BlockFact {
  /** File system or other signature; null: blank. */
  readonly type: string | null
  readonly label: string | null
}

/** Fields of blkid(8) about the place of a partition, not about its content. */
const PLACE = /^(DEVNAME|PART_ENTRY_\w+)$/

/**
 * What a low-level probe finds on a block device; null: no such device. blkid(8) exits with 2 for nothing and with 8 for
 * several signatures, which is an error here: fmc must not touch such a disk.
 */
export const block: Family<BlockFact | null> = {
  bytes: { each: 16 * 1024 },
  script: args =>
    args
      .map(
        dev =>
          `if [ -b ${quote(dev)} ]; then o=$(blkid -p -o export -- ${quote(dev)}); c=$?; printf '%s %s\\n' $c "$(printf %s "$o" | tr '\\n' '\\t')"; else echo absent; fi`,
      )
      .join('\n'),
  parse: ({ out, err }, args) =>
    linePerArgument('block', out, args, text => {
      if (text === 'absent') return null
      const code = text.split(' ', 1)[0] ?? ''
      if (code === '2') return { type: null, label: null }
      if (code !== '0') throw new GarbledProbe('block', `blkid exit ${code}: ${err}`)
      const words = text.slice(code.length + 1).split('\t')
      if (!words.every(f => /^[A-Z_0-9]+=/.test(f))) throw new GarbledProbe('block', text)
      const fields = new Map(
        words.map(f => [f.slice(0, f.indexOf('=')), f.slice(f.indexOf('=') + 1)]),
      )
      if ([...fields.keys()].every(key => PLACE.test(key))) return { type: null, label: null }
      return {
        type: fields.get('TYPE') ?? fields.get('PTTYPE') ?? 'unknown',
        label: fields.get('LABEL') ?? null,
      }
    }),
}
