import { GarbledProbe, wholeLines, type Family } from './family.ts'

/** The running boot. The argument is always "". */
export interface BootFact {
  /** Another one after every reboot. */
  readonly id: string
  /** Seconds since the system's init started. */
  readonly upSeconds: number
}

/** Init's start and now, on the same clock: CLOCK_MONOTONIC (systemd's own time stamps, and /proc/uptime but for a suspend). */
export const boot: Family<BootFact> = {
  bytes: { each: 1024 },
  script: () =>
    `read -r i </proc/sys/kernel/random/boot_id; read -r u _ </proc/uptime; printf '%s\\n%s\\n%s\\n' "$i" "$u" "$(systemctl show -p UserspaceTimestampMonotonic)"`,
  parse({ out, err }, args) {
    const [id = '', up = '', init = ''] = wholeLines('boot', out)
    const started = /^UserspaceTimestampMonotonic=(\d+)$/.exec(init)?.[1]
    if (!/^[0-9a-f-]{36}$/.test(id) || !/^\d+\.\d+$/.test(up) || started === undefined)
      throw new GarbledProbe('boot', err || out)
    const upSeconds = Math.max(0, Number(up) - Number(started) / 1e6)
    return args.map(() => ({ id, upSeconds }))
  },
}
