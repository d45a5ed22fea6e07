import { quote } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, wholeLines, type Family } from './family.ts'

/** The running host name, /etc/hostname, and the time zone of /etc/localtime. The query's argument is always "". */
export interface IdentityFact {
  readonly hostname: string
  readonly staticHostname: string
  readonly timezone: string
}

export const identity: Family<IdentityFact> = {
  bytes: { each: 8 * 1024 },
  script: () =>
    `h=; s=; read -r h </proc/sys/kernel/hostname; [ ! -e /etc/hostname ] || read -r s </etc/hostname; printf '%s\\n%s\\n%s\\n' "$h" "$s" "$(readlink /etc/localtime)"`,
  parse({ out, err }, args) {
    const lines = wholeLines('identity', out)
    const [hostname, staticHostname = '', zone = ''] = lines
    if (!hostname || lines.length !== 3) throw new GarbledProbe('identity', err || out)
    return args.map(() => ({
      hostname,
      staticHostname,
      timezone: zone.split('zoneinfo/')[1] ?? '',
    }))
  },
}

/** Decodes a mark's file name. A foreign file keeps its name; the role will report that it has no such handler. */
const decoded = (name: string): string => {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Names of a role's pending handlers; the argument is the directory of their marks. */
export const pending: Family<readonly string[]> = {
  bytes: { each: 256 * 1024 },
  script: args =>
    args
      .map(
        dir =>
          `for p in ${quote(dir)}/*; do [ ! -e "$p" ] || printf '%s\\t' "\${p##*/}"; done; printf '\\n'`,
      )
      .join('\n'),
  parse: ({ out }, args) =>
    linePerArgument('pending', out, args, text => text.split('\t').filter(Boolean).map(decoded)),
}

/** Facts for people (`fmc facts`). The query's argument is always "". */
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
  bytes: { each: 256 * 1024 },
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
    if (code !== 0 || !/^\d{1,6}$/.test(cpus) || !/^\d{1,15} kB$/.test(memory))
      throw new GarbledProbe('system', out)
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
