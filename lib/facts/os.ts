import { GarbledProbe, wholeLines, type Family } from './family.ts'

/** What a host's os-release says that it is (os-release(5)); null: it has no such file. */
export type OsFact = {
  /** Such as debian. */
  readonly id: string
  /** Such as 12 or 24.04; empty where there is none. */
  readonly version: string
  /** PLATFORM_ID, such as platform:el9; empty where there is none. */
  readonly platform: string
} | null

const unquoted = (value: string): string => value.replace(/^(["'])(.*)\1$/, '$2')

/** The argument of the question is always "". It takes no process but a copy of the shell. */
export const os: Family<OsFact> = {
  bytes: { each: 8 * 1024 },
  script: () =>
    `( [ -r /etc/os-release ] || { echo none; exit 0; }
i= v= p=
while IFS== read -r k x; do case $k in ID) i=$x ;; VERSION_ID) v=$x ;; PLATFORM_ID) p=$x ;; esac; done </etc/os-release
printf '%s\\n' "$i" "$v" "$p" )`,
  parse({ out, err, code }, args) {
    const lines = wholeLines('os', out)
    if (code !== 0) throw new GarbledProbe('os', err || out)
    if (lines.join() === 'none') return args.map(() => null)
    const [id = '', version = '', platform = ''] = lines.map(unquoted)
    if (lines.length !== 3 || !/^[a-z0-9._-]*$/.test(id) || !/^[\w.+-]*$/.test(version))
      throw new GarbledProbe('os', out)
    // os-release(5): ID defaults to linux.
    return args.map(() => ({ id: id || 'linux', version, platform }))
  },
}
