/** The systemd units of `fmc drift --install`: a service that checks once, and its timer. */
import { UsageError } from '../../errors.ts'

/** The first line of every unit that fmc writes; it replaces and removes no other. */
export const MARK = '# Written by fmc drift --install. To remove it: fmc drift --uninstall'

/** What the units say. */
export interface UnitsOf {
  /** Without the ending: fmc-drift-cloud.internal-site. */
  readonly name: string
  /** The command, each word of it. */
  readonly argv: readonly string[]
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  /** Directories that the check writes to. */
  readonly writes: readonly string[]
  readonly everyMs: number
  /** Units of a user's own manager: it cannot do what needs root. */
  readonly user: boolean
}

/** A unit's text, by its file's name. */
export type Units = Readonly<Record<string, string>>

/**
 * A word of a unit file: in quotes, without specifiers (systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers"). `variables`:
 * where `$` begins a variable (systemd.service(5), "Command lines").
 */
export function unitWord(text: string, { variables = false } = {}): string {
  const safe = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replace(/\p{Cc}/gu, c => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const whole = variables ? safe.replaceAll('$', '$$$$') : safe
  return /^[\w/.:@=,+-]+$/.test(whole) ? whole : `"${whole}"`
}

/** The rest needs root, or a user namespace that some systems forbid (systemd.exec(5), "Sandboxing"). */
const FOR_ROOT = [
  'ProtectSystem=strict',
  'ProtectHome=read-only',
  'PrivateDevices=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  // Root reads and writes the files of the user whose project it is.
  'CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH',
]

/** WorkingDirectory takes the rest of its line as it is, without quotes (systemd.syntax(7)). Throws UsageError. */
function bareLine(path: string): string {
  if (/\p{Cc}|[\\\s]$/u.test(path))
    throw new UsageError(
      `a systemd unit cannot name the directory ${JSON.stringify(path)}: it has a control character, or a blank or backslash at its end`,
      { hint: 'move the project to a directory with another name' },
    )
  return path.replaceAll('%', '%%')
}

/** Both units. No secret is in them: only paths and names. Throws UsageError for a directory that a unit cannot name. */
export function unitTexts(o: UnitsOf): Units {
  const command = o.argv.map(word => unitWord(word, { variables: true })).join(' ')
  return {
    [`${o.name}.service`]: lines(
      MARK,
      '[Unit]',
      'Description=fmc drift: which hosts differ from what is declared',
      ...(o.user ? [] : ['Wants=network-online.target', 'After=network-online.target']),
      '',
      '[Service]',
      'Type=oneshot',
      `WorkingDirectory=${bareLine(o.directory)}`,
      ...Object.entries(o.environment).map(([k, v]) => `Environment=${unitWord(`${k}=${v}`)}`),
      `ExecStart=${command}`,
      '# 3: hosts differ. That is a result, and no failure of the check.',
      'SuccessExitStatus=3',
      'TimeoutStartSec=30min',
      'Nice=10',
      'UMask=0077',
      'NoNewPrivileges=yes',
      ...(o.user
        ? []
        : [
            ...FOR_ROOT,
            `PrivateTmp=${inTmp(o) ? 'no' : 'yes'}`,
            ...o.writes.map(dir => `ReadWritePaths=${unitWord(dir)}`),
          ]),
      'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
      'RestrictNamespaces=yes',
      'RestrictRealtime=yes',
      'RestrictSUIDSGID=yes',
      'LockPersonality=yes',
      'SystemCallArchitectures=native',
    ),
    [`${o.name}.timer`]: lines(
      MARK,
      '[Unit]',
      'Description=fmc drift, again and again',
      '',
      '[Timer]',
      'OnActiveSec=1min',
      `OnUnitInactiveSec=${o.everyMs / 1000}s`,
      'AccuracySec=10s',
      '',
      '[Install]',
      'WantedBy=timers.target',
    ),
  }
}

/** Does the check need files that a private /tmp would hide? */
const inTmp = ({ directory, writes, argv }: UnitsOf): boolean =>
  [directory, ...writes, ...argv].some(path => /^\/(?:var\/)?tmp(?:\/|$)/.test(path))

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`

/** A name for the units of a playbook of a cloud, from the characters that a unit's name may have (systemd.unit(5)). */
export const unitName = (domain: string, playbook: string): string =>
  `fmc-drift-${domain}-${playbook}`.replace(/[^A-Za-z0-9_.-]+/g, '-').slice(0, 200)
