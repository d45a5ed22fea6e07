import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { unitLog } from '../shell/unit-log.ts'
import { checkPath, expect, checkTask, resource, type Common, type Result } from './resource.ts'
import { unit } from './unit.ts'

export interface FilesystemOptions extends Common {
  /** Default ext4. */
  readonly type?: 'ext4' | 'xfs' | undefined
  /** Letters, digits and _.-; at most 16 characters for ext4, 12 for xfs (mkfs.ext4(8), mkfs.xfs(8)). */
  readonly label: string
}

const defineFilesystem = resource({
  name: (o: FilesystemOptions & { readonly device: string }) => `filesystem ${o.device}`,
  check(o) {
    checkPath(o.device)
    const max = o.type === 'xfs' ? 12 : 16
    expect(
      /^[\w.-]+$/.test(o.label) && o.label.length <= max,
      `label ${JSON.stringify(o.label)} is not a word of at most ${max} characters`,
    )
  },
  needs: o => ({ now: ask('block', o.device) }),
  plan({ device, label, type = 'ext4' }, { now }, { doubt }) {
    if (now === null && !doubt)
      throw new TaskError(`there is no block device ${device}`, {
        hint: 'check the host’s `disks` in the inventory',
      })
    if (now?.type === type && now.label === label) return []
    if (now !== null && now.type !== null)
      throw new TaskError(
        `${device} already contains ${now.type}${now.label === null ? '' : ` labelled ${now.label}`}, not ${type} labelled ${label}`,
        {
          hint: `fmc formats only blank disks. To destroy what is on this one: wipefs -a ${device}`,
        },
      )
    return [
      {
        what: `format as ${type}, label ${label}`,
        script: `${stillBlank(device)}\nmkfs.${type} -q -L ${quote(label)} ${quote(device)}\n${SETTLE}`,
        factsAfter: [[ask('block', device), { type, label }]],
        timeoutMs: 30 * 60_000,
      },
    ]
  },
})

/**
 * Shell text right before mkfs: checks again what the plan's fact said (lib/facts/storage.ts). blkid(8): exit 2 means
 * nothing found.
 */
const stillBlank = (device: string): string =>
  `found=$(blkid -p -o export -- ${quote(device)}) || [ $? = 2 ] || found=unclear
if printf '%s\\n' "$found" | grep -qvE '^($|DEVNAME=|PART_ENTRY_[A-Z_]+=)'; then echo 'not blank any more' >&2; exit 73; fi`

/** udev makes the by-label link after mkfs has ended (udevadm(8)); a mount by label needs it. */
const SETTLE = 'if command -v udevadm >/dev/null; then udevadm settle --timeout=30; fi'

/**
 * Makes sure that a disk has a file system with this label; formats it if it is blank. It never touches a disk with anything
 * else on it. Time limit 30 minutes.
 *
 * @param device - absolute path of a block device, best a stable one such as /dev/disk/by-id/…
 * @throws TaskError when the device does not exist or contains anything else.
 *
 * @example
 * const [disk] = host().disks
 * if (disk) await filesystem(disk.device, { label: disk.name, type: 'xfs' })
 */
export const filesystem = (device: string, options: FilesystemOptions): Promise<Result> =>
  defineFilesystem({ device, ...options })

export interface MountOptions extends Common {
  /** `LABEL=…`, `UUID=…`, a device, or `server:/path`. */
  readonly source: string
  /** File system type, such as ext4 or nfs4. */
  readonly type: string
  /** Mount options, comma-separated; default: those of mount(8). */
  readonly options?: string | undefined
  /** More lines for the unit's [Unit] section, such as 'After=network-online.target'. */
  readonly unitLines?: readonly string[] | undefined
}

/**
 * The name of the mount unit of a path, such as srv-share.mount (systemd.unit(5), "String escaping for inclusion in unit
 * names"). `mount` makes the unit under this name.
 *
 * @example
 * await unit('app.service', {
 *   dropIn: true,
 *   content: `[Unit]\nRequires=${mountUnitName('/srv/share')}\n`,
 * })
 */
export const mountUnitName = (path: string): string =>
  `${path === '/' ? '-' : ''}${[...Buffer.from(path.replace(/^\//, ''))]
    .map((byte, i) => {
      const c = String.fromCharCode(byte)
      if (c === '/') return '-'
      return /[A-Za-z0-9:_]/.test(c) || (c === '.' && i > 0)
        ? c
        : `\\x${byte.toString(16).padStart(2, '0')}`
    })
    .join('')}.mount`

const defineMounted = resource({
  name: (o: Common & { readonly path: string; readonly unit: string }) => `mount ${o.path}`,
  needs: o => ({ now: ask('mount', o.path), unit: ask('unit', o.unit) }),
  plan(o, { now, unit: u }) {
    const enable =
      u.enabled === 'enabled'
        ? []
        : [
            {
              what: 'enable',
              script: `systemctl -q enable -- ${quote(o.unit)}`,
              factsAfter: [
                [ask('unit', o.unit), { ...u, load: 'loaded', enabled: 'enabled' }],
              ] as const,
            },
          ]
    if (now !== null) return enable
    const start = `systemctl start -- ${quote(o.unit)} || { c=$?; ${unitLog(o.unit)}; exit $c; }`
    return [
      ...enable,
      {
        what: 'mount',
        script: start,
        factsAfter: [
          [ask('mount', o.path), { source: 'planned', type: 'planned', options: [] }],
          [
            ask('unit', o.unit),
            { load: 'loaded', active: 'active', enabled: 'enabled', reload: false },
          ],
        ],
      },
    ]
  },
})

/**
 * Makes sure that a file system is mounted, now and at boot, with a systemd mount unit (systemd.mount(5)). systemd makes the
 * mount point. A changed unit takes effect with the next mount: fmc never unmounts anything.
 *
 * @param path - the mount point: absolute, without `..` or a trailing slash
 * @throws TaskError for a malformed option, and when mounting fails (with the unit's log) or takes more than 60 s.
 *
 * @example
 * await mount('/srv/share', { source: 'LABEL=share', type: 'ext4', options: 'noatime' })
 */
export async function mount(path: string, o: MountOptions): Promise<Result> {
  await checkTask(`mount ${path}`, () => {
    checkPath(path)
    expect(
      !/[\n\0]/.test([path, o.source, o.type, o.options].join('')),
      'path, source, type and options must be one line each',
    )
  })
  const network = /^(nfs|nfs4|cifs)$/.test(o.type)
  const name = mountUnitName(path)
  const what = /^(LABEL|UUID|PARTUUID|PARTLABEL)=/.test(o.source)
    ? o.source.replace(
        /^(\w+)=(.*)$/,
        (_, kind: string, v: string) => `/dev/disk/by-${kind.toLowerCase()}/${v}`,
      )
    : o.source
  const text = [
    '# Managed by fmc',
    '[Unit]',
    `Description=${o.source} on ${path}`,
    ...(o.unitLines ?? []),
    '[Mount]',
    `What=${what.replaceAll('%', '%%')}`,
    `Where=${path.replaceAll('%', '%%')}`,
    `Type=${o.type}`,
    ...(o.options === undefined ? [] : [`Options=${o.options.replaceAll('%', '%%')}`]),
    'TimeoutSec=60',
    '[Install]',
    `WantedBy=${network ? 'remote-fs.target' : 'local-fs.target'}`,
    '',
  ].join('\n')
  const written = await unit(name, { content: text, notify: o.notify })
  const mounted = await defineMounted({ path, unit: name, notify: o.notify })
  return { changed: written.changed || mounted.changed }
}
