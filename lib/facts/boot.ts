import { GarbledProbe, wholeLines, type Family } from './family.ts'

/** The running boot. The query's argument is always "". */
export interface BootFact {
  /** The kernel's boot id; every boot has another one. */
  readonly id: string
  /** Seconds since the system's init started. */
  readonly upSeconds: number
}

/**
 * Reads init's start and the present time on the same clock: CLOCK_MONOTONIC (systemd's time stamps; /proc/uptime differs
 * only by suspends).
 */
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
