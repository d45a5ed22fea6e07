import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { unitLog } from '../shell/unit-log.ts'
import { checkPath, expect, checkTask, resource, type Common, type Result } from './resource.ts'
import { unit } from './unit.ts'

export interface FilesystemOptions extends Common {
  readonly type?: 'ext4' | 'xfs' | undefined
  /** At most 12 characters for xfs, 16 for ext4 (mkfs.xfs(8), mkfs.ext4(8)). */
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
        `${device} already carries ${now.type}${now.label === null ? '' : ` labelled ${now.label}`}, not ${type} labelled ${label}`,
        {
          hint: `fmc never formats a disk that is not blank. To give it up: wipefs -a ${device}`,
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

/** Like the fact by which the plan decided (lib/facts/storage.ts), right before mkfs. blkid(8): exit 2 is nothing found. */
const stillBlank = (device: string): string =>
  `found=$(blkid -p -o export -- ${quote(device)}) || [ $? = 2 ] || found=unclear
if printf '%s\\n' "$found" | grep -qvE '^($|DEVNAME=|PART_ENTRY_[A-Z_]+=)'; then echo 'not blank any more' >&2; exit 73; fi`

/** udev makes the link by label after mkfs has ended (udevadm(8)); a mount by label must not come before it. */
const SETTLE = 'if command -v udevadm >/dev/null; then udevadm settle --timeout=30; fi'

/** A file system on a blank disk, made once. A disk that carries anything else is an error and is never touched. */
export const filesystem = (device: string, options: FilesystemOptions): Promise<Result> =>
  defineFilesystem({ device, ...options })

export interface MountOptions extends Common {
  /** `LABEL=…`, `UUID=…`, a device, or `server:/path`. */
  readonly source: string
  readonly type: string
  /** Mount options, comma-separated. Default: defaults. */
  readonly options?: string | undefined
  /** A drop-in of [Unit] lines, such as After=…. */
  readonly unitLines?: readonly string[] | undefined
}

/** The name of a path's mount unit (systemd.unit(5), "String escaping for inclusion in unit names"). */
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
 * A file system mounted now and at boot by a systemd mount unit of our own (systemd.mount(5)).
 * systemd makes the mount point. A changed unit takes effect with the next mount: fmc does not unmount what is in use.
 */
export async function mount(path: string, o: MountOptions): Promise<Result> {
  await checkTask(`mount ${path}`, () => {
    checkPath(path)
    expect(
      !/[\n\0]/.test([path, o.source, o.type, o.options].join('')),
      'path, source, type and options are one line each',
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
