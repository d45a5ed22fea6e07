import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, type UnitFact } from '../facts/index.ts'
import { scriptAround, Secret } from '../secrets/secret.ts'
import { quote } from '../shell/quote.ts'
import { PUBLISH, stage } from '../shell/staging.ts'
import {
  accessChanges,
  accessOf,
  checkOwner,
  checkReadable,
  checkParent,
  ownerNeeds,
  validation,
  type AccessOptions,
} from './access.ts'
import { leftoverChanges, leftoverOf } from './leftover.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { FactAfter, PlannedChange } from './scope.ts'

export interface FileOptions extends Common, AccessOptions {
  /** The whole content, at most 8 MB. A Secret is never shown, and fmc compares it by its hash only. */
  readonly content: string | Uint8Array | Secret
  /** Gives the shell command that must succeed before the new file replaces the old one. It gets the new file's quoted path. */
  readonly validate?: ((candidate: string) => string) | undefined
  /** Write only if there is no such file; leave the content of an existing one alone. Default false. */
  readonly once?: boolean | undefined
}

const bytesOf = (content: string | Uint8Array | Secret): Buffer =>
  Buffer.isBuffer(content)
    ? content
    : Buffer.from(content instanceof Secret ? content.reveal() : content)

/** Shell text that prints the content. `printf` is a builtin, so the content is in no argument list. */
const printed = (bytes: Buffer): string => {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes) && !text.includes('\0')) return `printf %s ${quote(text)}`
  return `printf '${[...bytes].map(b => `\\${b.toString(8).padStart(3, '0')}`).join('')}'`
}

/** Largest content inside a script; use an artifact for more. */
const MAX_BYTES = 8 * 1024 * 1024

interface WriteOptions extends FileOptions {
  readonly path: string
  /** A unit file or drop-in: the change includes a daemon-reload. */
  readonly ofSystemd?: true | undefined
  /** The unit that the file belongs to. */
  readonly unit?: string | undefined
}

/** The resource behind `file` and `unit`. */
export const writeFile = resource({
  name: (o: WriteOptions) => `file ${o.path}`,
  check(o) {
    checkPath(o.path)
    expect(
      o.ofSystemd === true || !UNIT_FILE.test(o.path),
      `${o.path} is a unit file: use unit(), which also reloads systemd`,
    )
    expect(
      bytesOf(o.content).length <= MAX_BYTES,
      `the content has more than ${MAX_BYTES} bytes: use artifact()`,
    )
  },
  needs: o => ({
    self: ask('path', o.path),
    sum: ask('sha', o.path),
    left: leftoverOf(o.path),
    parent: ask('path', dirname(o.path)),
    ...(o.unit === undefined ? {} : { unit: ask('unit', o.unit) }),
    ...ownerNeeds(accessOf(o, '0644')),
  }),
  plan(o, now, { doubt }) {
    const access = accessOf(o, '0644')
    checkParent(o.path, now.parent, doubt)
    checkOwner(access, now, doubt)
    checkReadable(now.sum)
    if (now.self !== null && now.self.type !== 'file')
      throw new TaskError(`${o.path} is a ${now.self.type}, not a file`)
    const bytes = bytesOf(o.content)
    const sum = createHash('sha256').update(bytes).digest('hex')
    const stale = now.unit?.reload ? reloaded(o.unit ?? '', now.unit) : []
    if (now.self !== null && (now.sum === sum || o.once))
      return [
        ...accessChanges(o.path, now.self, access, o.once ? undefined : sum),
        ...leftoverChanges(o.path, now.left),
        ...stale,
      ]
    return [
      replace(o, bytes, sum, stale[0]?.factsAfter ?? []),
      ...leftoverChanges(o.path, now.left),
    ]
  },
  diff: o => ({ path: o.path, after: o.content }),
})

const RELOAD = 'systemctl daemon-reload'

/** What is left to do after a run that was killed between writing the unit file and the daemon-reload. */
const reloaded = (unit: string, now: UnitFact): PlannedChange[] => [
  {
    what: 'daemon-reload',
    script: RELOAD,
    factsAfter: [[ask('unit', unit), { ...now, reload: false }]],
  },
]

/** Writes beside the target, checks, validates, syncs and renames: readers see the old or the new file, never a part. */
function replace(
  o: WriteOptions,
  bytes: Buffer,
  sum: string,
  factsAfter: readonly FactAfter[],
): PlannedChange {
  const { mode, user, group } = accessOf(o, '0644')
  const prepare = [
    stage(o.path),
    // dash's printf reports every failure as "I/O error".
    `${printed(bytes)} >new || { [ "$(stat -f -c %f .)" != 0 ] || echo 'No space left on device' >&2; exit 74; }`,
    `[ "$(stat -c %s new)" = ${bytes.length} ] || { echo 'short write' >&2; exit 74; }`,
    // Needed for root too: in a setgid directory new files get the directory's group.
    `chown -h -- ${quote(`${user}:${group}`)} new`,
    `chmod -- ${mode} new`,
    ...(o.validate === undefined ? [] : [validation(o.validate, o.path)]),
    'sync -- new',
  ].join('\n')
  const text = typeof o.content === 'string' ? o.content : undefined
  return {
    what: 'content',
    prepare: o.content instanceof Secret ? scriptAround(prepare, o.content) : prepare,
    script: `${PUBLISH}${o.ofSystemd ? `\n${RELOAD}` : ''}`,
    factsAfter: [
      [ask('path', o.path), { type: 'file', mode, owner: user, group }],
      [ask('sha', o.path), sum],
      [leftoverOf(o.path), false],
      ...factsAfter,
    ],
    ...(text === undefined ? {} : { text: [o.path, text] as const }),
  }
}

/**
 * Makes sure that a regular file has exactly this content, owner (default root:root) and mode (default 0644). The new file
 * replaces the old one in one step. If `validate` fails, the old file stays and the error has the command and its output.
 *
 * @param path - absolute, without `..` or a trailing slash; its directory must exist
 * @throws TaskError when the path is something other than a file, its directory or owner is missing, `validate` fails, the
 * disk is full, or the path is a systemd unit file (use `unit`).
 *
 * @example
 * await file('/etc/haproxy/haproxy.cfg', {
 *   content: 'defaults\n  mode tcp\n',
 *   mode: '0640',
 *   validate: candidate => `haproxy -c -f ${candidate}`,
 *   notify: 'reload haproxy',
 * })
 */
export const file = (path: string, options: FileOptions): Promise<Result> =>
  writeFile({ path, ...options })

const UNIT_FILE =
  /^\/etc\/systemd\/system\/([^/]+\.(service|timer|socket|mount|automount|path|target|slice)$|[^/]+\.d\/)/
