import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { expect, checkTask, type Common, type Result } from './resource.ts'
import { scope } from './scope.ts'
import { service } from './service.ts'
import { unit } from './unit.ts'

export interface TimerOptions extends Common {
  /** When it runs, as systemd.time(7) writes calendar events: 'daily', 'Mon *-*-* 03:00'. In the host's time zone. */
  readonly calendar: string
  /** Shell text. It ends with the first command that fails (`set -e`). */
  readonly command: string
  /** Runs as this user; default root. */
  readonly user?: string | undefined
  /** What it is for, in one line; default: the name. */
  readonly description?: string | undefined
  /** Run once after a time at which the host was down. Default true. */
  readonly catchUp?: boolean | undefined
  /** Start at a random time within so many seconds after the event; default 0. */
  readonly spreadSeconds?: number | undefined
  /** systemd ends the command after this time; default: never. */
  readonly timeoutSeconds?: number | undefined
}

/** A text inside the double quotes of a systemd command line (systemd.service(5), "Command lines"). */
const quoted = (text: string): string =>
  text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\t', String.raw`\t`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')

/** The text of both units; pure. */
export function timerUnits(name: string, o: TimerOptions): { service: string; timer: string } {
  const description = (o.description ?? name).replaceAll('%', '%%')
  const limit = o.timeoutSeconds === undefined ? [] : [`TimeoutStartSec=${o.timeoutSeconds}`]
  return {
    service: [
      ...['[Unit]', `Description=${description}`, '', '[Service]', 'Type=oneshot'],
      ...(o.user === undefined ? [] : [`User=${o.user}`]),
      ...limit,
      `ExecStart=/bin/sh -ec "${quoted(o.command)}"`,
      '',
    ].join('\n'),
    timer: [
      ...['[Unit]', `Description=${description}`, '', '[Timer]', `OnCalendar=${o.calendar}`],
      `Persistent=${(o.catchUp ?? true) ? 'yes' : 'no'}`,
      ...(o.spreadSeconds === undefined ? [] : [`RandomizedDelaySec=${o.spreadSeconds}`]),
      ...['', '[Install]', 'WantedBy=timers.target', ''],
    ].join('\n'),
  }
}

const LINE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u

function check(name: string, o: TimerOptions): void {
  expect(/^[A-Za-z0-9][\w.-]*$/.test(name), `${JSON.stringify(name)} is not a timer's name`)
  expect(
    LINE.test(o.calendar),
    `${JSON.stringify(o.calendar)} is not a calendar event such as daily`,
  )
  expect(
    o.command.trim() !== '' && !o.command.includes('\0'),
    'the command is empty or has a NUL byte',
  )
  expect(
    !/[^\P{Cc}\n\t]/u.test(o.command),
    'the command has control characters; only line breaks and tabs are possible',
  )
  expect(
    o.user === undefined || /^[a-z_][\w-]*\$?$/i.test(o.user),
    `${JSON.stringify(o.user)} is not a user name`,
  )
  expect(
    o.description === undefined || LINE.test(o.description),
    `${JSON.stringify(o.description)} is not one line of text`,
  )
  for (const seconds of [o.spreadSeconds, o.timeoutSeconds])
    expect(
      seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 0),
      `${seconds} is not a number of seconds`,
    )
}

/**
 * Makes sure that a command runs at certain times: a systemd timer NAME.timer with its service NAME.service, enabled and started.
 * It works on every system, also on Flatcar, which has no cron. `systemctl list-timers` shows the next run, `journalctl -u
 * NAME` the output of past ones. To run it now: `systemctl start NAME`. It changes nothing about a run that is under way.
 *
 * @param name - of both units, without suffix
 * @throws TaskError for a calendar event that the host's systemd does not know, and for options that cannot be in a unit.
 *
 * @example
 * await timer('backup', {
 *   calendar: '*-*-* 02:30',
 *   command: 'pg_dumpall -f /var/backups/all.sql',
 *   user: 'postgres',
 *   spreadSeconds: 600,
 * })
 */
export async function timer(name: string, options: TimerOptions): Promise<Result> {
  await checkTask(`timer ${name}`, () => check(name, options))
  const { calendar } = options
  const known = { code: 0, stdout: '', stderr: '' }
  const { code, stderr } = await scope().read(
    ask('command', `systemd-analyze calendar -- ${quote(calendar)}`, known),
  )
  await checkTask(`timer ${name}`, () =>
    expect(
      // 127: without systemd-analyze systemd itself will say so.
      code === 0 || code === 127,
      `${JSON.stringify(calendar)} is not a calendar event: ${stderr.trim()}`,
    ),
  )
  const text = timerUnits(name, options)
  const { notify } = options
  const results = [
    await unit(`${name}.service`, { content: text.service, notify }),
    await unit(`${name}.timer`, { content: text.timer, notify }),
    await service(`${name}.timer`, { notify }),
  ]
  return { changed: results.some(r => r.changed) }
}
