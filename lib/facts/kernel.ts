import { quote, quoteAll } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, wholeLines, type Family } from './family.ts'

/**
 * The file of a kernel parameter. sysctl.d(5): if the first separator is a dot, dots and slashes change places
 * (net.ipv4.conf.eth0/100.forwarding belongs to eth0.100); else the key is a path already.
 */
export const procFile = (key: string): string =>
  `/proc/sys/${/^[^./]*\//.test(key) ? key : key.replace(/[./]/g, c => (c === '.' ? '/' : '.'))}`

/** A value with single blanks between its parts: the kernel prints tabs and accepts blanks. */
export const blanks = (value: string): string => value.trim().split(/\s+/).join(' ')

/**
 * A kernel parameter's value with single blanks; null: the kernel does not have it. The shell's `read` cannot read it: dash
 * reads byte by byte, and the kernel answers only the first read of such a file.
 */
export const sysctl: Family<string | null> = {
  bytes: { each: 64 * 1024 },
  script: args =>
    `grep -sH '' -- ${quoteAll([...args.map(procFile), '/dev/null'])} || [ $? -le 2 ]`,
  parse({ out, err, code }, args) {
    if (code !== 0) throw new GarbledProbe('sysctl', `exit ${code}: ${err}`)
    const values = new Map<string, string>()
    for (const line of wholeLines('sysctl', out)) {
      const cut = line.indexOf(':')
      if (!line.startsWith('/proc/sys/') || cut < 0) throw new GarbledProbe('sysctl', line)
      const file = line.slice(0, cut)
      if (!values.has(file)) values.set(file, blanks(line.slice(cut + 1)))
    }
    return args.map(key => values.get(procFile(key)) ?? null)
  },
}

/** Is a kernel module loaded or built in? */
export const module: Family<boolean> = {
  bytes: { each: 1024 },
  script: args =>
    args
      .map(name => {
        const dir = quote(`/sys/module/${name.replaceAll('-', '_')}`)
        // modules.builtin has file names with both _ and - (kernel documentation, kbuild).
        const file = quote(`/${name.replaceAll(/[_-]/g, '[_-]')}[.]ko`)
        return `if [ -d ${dir} ] || grep -qs ${file} /lib/modules/"$(uname -r)"/modules.builtin; then echo 1; else echo 0; fi`
      })
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('module', out, args, v => {
      if (v !== '0' && v !== '1') throw new GarbledProbe('module', v)
      return v === '1'
    }),
}
