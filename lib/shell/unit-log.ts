import { quote } from './quote.ts'

/**
 * Shell commands that print a unit's last twenty log lines on stderr. What a unit said as it ended may still wait for
 * journald when systemctl has returned already; `--sync` waits for it (journalctl(1)).
 */
export const unitLog = (unit: string): string =>
  `journalctl -q --sync || :; journalctl -q --no-pager -n 20 -o cat -u ${quote(unit)} >&2`
