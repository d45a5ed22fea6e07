import { quote } from './quote.ts'

/**
 * Shell text that prints the last twenty log lines of a systemd unit on stderr, for the error of a failed start. journald
 * may still be writing a unit's last lines when systemctl returns; `--sync` waits for them (journalctl(1)).
 *
 * @param unit - unit name, with or without `.service`
 *
 * @example
 * const script = `systemctl restart -- chrony || { ${unitLog('chrony')}; exit 1; }`
 */
export const unitLog = (unit: string): string =>
  `journalctl -q --sync || :; journalctl -q --no-pager -n 20 -o cat -u ${quote(unit)} >&2`
