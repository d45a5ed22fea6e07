import { quote, quoteAll } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, type Family } from './family.ts'

/** Is the text a whole line of the file? The argument is path NUL line. A missing file has no lines. */
export const line: Family<boolean> = {
  script: args =>
    args
      .map(arg => {
        const [path = '', text = ''] = arg.split('\0')
        return `if [ ! -e ${quote(path)} ]; then echo 1; else grep -qxF -e ${quote(text)} -- ${quote(path)}; echo $?; fi`
      })
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('line', out, args, code => {
      if (code !== '0' && code !== '1') throw new GarbledProbe('line', `grep exit ${code}`)
      return code === '0'
    }),
}

const procFile = (key: string): string => `/proc/sys/${key.replaceAll('.', '/')}`

/**
 * A kernel parameter as /proc/sys has it (tabs as blanks); null when the kernel does not have it. Not by the shell's
 * `read`: dash reads byte by byte, and the kernel answers only the first read of such a file.
 */
export const sysctl: Family<string | null> = {
  script: args => `grep -sH '' -- ${quoteAll([...args.map(procFile), '/dev/null'])} || [ $? -le 2 ]`,
  parse({ out, code }, args) {
    if (code !== 0) throw new GarbledProbe('sysctl', `exit ${code}`)
    const values = new Map<string, string>()
    for (const line of out.split('\n').filter(Boolean)) {
      const cut = line.indexOf(':')
      if (!line.startsWith('/proc/sys/') || cut < 0) throw new GarbledProbe('sysctl', line)
      const file = line.slice(0, cut)
      if (!values.has(file)) values.set(file, line.slice(cut + 1).trim().split(/\s+/).join(' '))
    }
    return args.map(key => values.get(procFile(key)) ?? null)
  },
}

/** Is a kernel module loaded or built in? */
export const module: Family<boolean> = {
  script: args =>
    args
      .map(name => {
        const dir = quote(`/sys/module/${name.replaceAll('-', '_')}`)
        return `if [ -d ${dir} ]; then echo 1; elif grep -qs "/${name.replaceAll('-', '_')}\\.ko" /lib/modules/"$(uname -r)"/modules.builtin; then echo 1; else echo 0; fi`
      })
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('module', out, args, v => {
      if (v !== '0' && v !== '1') throw new GarbledProbe('module', v)
      return v === '1'
    }),
}

export interface MountFact {
  readonly source: string
  readonly type: string
  readonly options: readonly string[]
}

const unescape = (s: string): string =>
  s.replace(/\\([0-7]{3})/g, (_, o: string) => String.fromCharCode(Number.parseInt(o, 8)))

/** What is mounted at a directory (the last mount there), from /proc/self/mountinfo (proc(5)); null when nothing is. */
export const mount: Family<MountFact | null> = {
  script: () => 'cat /proc/self/mountinfo',
  parse({ out, code }, args) {
    if (code !== 0) throw new GarbledProbe('mount', out)
    const found = new Map<string, MountFact>()
    for (const record of out.split('\n').filter(Boolean)) {
      const [head = '', tail = ''] = record.split(' - ')
      const [, , , , target, options] = head.split(' ')
      const [type, source] = tail.split(' ')
      if (!target || !options || !type) throw new GarbledProbe('mount', record)
      found.set(unescape(target), {
        source: unescape(source ?? ''),
        type,
        options: options.split(','),
      })
    }
    return args.map(dir => found.get(dir) ?? null)
  },
}

export interface BlockFact {
  /** File system or other signature; null: blank. */
  readonly type: string | null
  readonly label: string | null
}

/** What a low-level probe finds on a block device (blkid(8): exit 2 = nothing); null when there is no such device. */
export const block: Family<BlockFact | null> = {
  script: args =>
    args
      .map(
        dev =>
          `if [ -b ${quote(dev)} ]; then o=$(blkid -p -o export -- ${quote(dev)}); c=$?; printf '%s %s\\n' $c "$(printf %s "$o" | tr '\\n' '\\t')"; else echo absent; fi`,
      )
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('block', out, args, text => {
      if (text === 'absent') return null
      const code = text.split(' ', 1)[0] ?? ''
      const fields = new Map(
        text
          .slice(code.length + 1)
          .split('\t')
          .map(f => [f.slice(0, f.indexOf('=')), f.slice(f.indexOf('=') + 1)]),
      )
      if (code === '2') return { type: null, label: null }
      if (code !== '0') throw new GarbledProbe('block', `blkid exit ${code}`)
      return {
        type: fields.get('TYPE') ?? fields.get('PTTYPE') ?? 'unknown',
        label: fields.get('LABEL') ?? null,
      }
    }),
}

/** The running host name, /etc/hostname, and where /etc/localtime points. The argument is always "". */
export interface IdentityFact {
  readonly hostname: string
  readonly staticHostname: string
  readonly timezone: string
}
export const identity: Family<IdentityFact> = {
  script: () =>
    `h=; s=; read -r h </proc/sys/kernel/hostname; [ ! -e /etc/hostname ] || read -r s </etc/hostname; printf '%s\\n%s\\n%s\\n' "$h" "$s" "$(readlink /etc/localtime)"`,
  parse({ out }, args) {
    const [hostname, staticHostname = '', zone = '', end] = out.split('\n')
    if (!hostname || end !== '') throw new GarbledProbe('identity', out)
    return args.map(() => ({
      hostname,
      staticHostname,
      timezone: zone.split('zoneinfo/')[1] ?? '',
    }))
  },
}

/** Names of handlers that a role still owes; the argument is the marker directory. */
export const pending: Family<readonly string[]> = {
  script: args =>
    args
      .map(
        dir =>
          `for p in ${quote(dir)}/*; do [ ! -e "$p" ] || printf '%s\\t' "\${p##*/}"; done; printf '\\n'`,
      )
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('pending', out, args, text =>
      text.split('\t').filter(Boolean).map(decodeURIComponent),
    ),
}

/** An author's own read-only command: each in its own subshell, stdin empty. */
export interface CommandFact {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}
export const command: Family<CommandFact> = {
  script: (args, mark) =>
    args
      .map(
        c =>
          `( exec 9>&-; eval ${quote(c)} ) </dev/null; printf '%s%d\\035' ${mark} $?; printf '%s' ${mark} >&2`,
      )
      .join('\n'),
  parse({ out, err }, args, mark) {
    const outs = out.split(mark)
    const errs = err.split(mark)
    if (outs.length !== args.length + 1 || errs.length !== args.length + 1)
      throw new GarbledProbe('command', out)
    return args.map((_, i) => {
      const tail = outs[i + 1] ?? ''
      const code = /^(\d+)\x1d/.exec(tail)?.[1]
      if (code === undefined) throw new GarbledProbe('command', tail)
      const own = outs[i] ?? ''
      return {
        code: Number(code),
        stdout: i === 0 ? own : own.slice(own.indexOf('\x1d') + 1),
        stderr: errs[i] ?? '',
      }
    })
  },
}

/** Facts for people (`fmc facts`). The argument is always "". */
export interface SystemFact {
  readonly os: Readonly<Record<string, string>>
  readonly kernel: string
  readonly machine: string
  readonly cpus: number
  readonly memoryMb: number
  readonly bootId: string
  readonly addresses: readonly string[]
}
export const system: Family<SystemFact> = {
  script: () =>
    `printf '%s\\n' "$(uname -r)" "$(uname -m)" "$(nproc)" "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)" "$(cat /proc/sys/kernel/random/boot_id)" "$(ip -o addr show scope global 2>/dev/null | tr -s ' ' | cut -d' ' -f2,4 | tr '\\n' ',')"; cat /etc/os-release`,
  parse({ out, code }, args) {
    const [
      kernel = '',
      machine = '',
      cpus = '',
      memory = '',
      bootId = '',
      addresses = '',
      ...release
    ] = out.split('\n')
    if (code !== 0 || !/^\d+$/.test(cpus)) throw new GarbledProbe('system', out)
    const os = Object.fromEntries(
      release
        .filter(l => l.includes('='))
        .map(l => [
          l.slice(0, l.indexOf('=')),
          l.slice(l.indexOf('=') + 1).replace(/^"(.*)"$/, '$1'),
        ]),
    )
    const fact = {
      os,
      kernel,
      machine,
      cpus: Number(cpus),
      memoryMb: Math.round(Number.parseInt(memory, 10) / 1024),
      bootId,
      addresses: addresses.split(',').filter(Boolean),
    }
    return args.map(() => fact)
  },
}
