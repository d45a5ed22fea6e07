import { GarbledProbe, wholeLines, type Family } from './family.ts'

/** A file that sets kernel parameters at boot. */
export interface SysctlFile {
  /** Such as /etc/sysctl.d/99-sysctl.conf. */
  readonly path: string
  /** The file that this one is a link to; undefined: it is no link. */
  readonly target: string | undefined
  /** Its lines but for comments and empty ones, with their numbers. */
  readonly lines: readonly (readonly [number: number, text: string])[]
}

/**
 * All files of the directories that systemd-sysctl reads, the one with the highest priority first (sysctl.d(5)); `unknown`: an earlier
 * change of the plan may alter them.
 */
export type SysctlFilesFact = readonly SysctlFile[] | 'unknown'

/** From the highest priority to the lowest: of two files with the same name only the first counts. */
export const SYSCTL_DIRS = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
] as const

/** The argument of the question is always "". */
export const sysctlFiles: Family<SysctlFilesFact> = {
  bytes: { each: 1024 * 1024 },
  script: () => `( set --
for p in ${SYSCTL_DIRS.map(dir => `${dir}/*.conf`).join(' ')}; do [ -f "$p" ] || [ -c "$p" ] || continue; set -- "$@" "$p"; done
for p do
  if [ -L "$p" ]; then printf '%s\\t%s\\n' "$p" "$(readlink -f -- "$p")"; else printf '%s\\t\\n' "$p"; fi
done
echo
[ $# -eq 0 ] || grep -asHn '^[[:space:]]*[^[:space:]#;]' -- "$@" || [ $? -eq 1 ] )`,
  parse({ out, err, code }, args) {
    const all = wholeLines('sysctlFiles', out)
    const end = all.indexOf('')
    if (code !== 0 || end < 0) throw new GarbledProbe('sysctlFiles', err || out)
    const files = all.slice(0, end).map(line => {
      const [path = '', target, ...more] = line.split('\t')
      if (!path.startsWith('/') || target === undefined || more.length > 0)
        throw new GarbledProbe('sysctlFiles', line)
      return { path, target: target === '' ? undefined : target, lines: [] as [number, string][] }
    })
    for (const line of all.slice(end + 1)) {
      const file = files.find(({ path }) => line.startsWith(`${path}:`))
      const [, number = '', text = ''] =
        /^(\d{1,9}):(.*)$/.exec(line.slice((file?.path.length ?? 0) + 1)) ?? []
      if (!file || number === '') throw new GarbledProbe('sysctlFiles', line)
      file.lines.push([Number(number), text])
    }
    return args.map(() => files)
  },
}
