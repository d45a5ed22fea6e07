import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, type UnitFact } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
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
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { Left, PlannedChange } from './scope.ts'

export interface FileOptions extends Common, AccessOptions {
  /** The whole content. A Secret is never shown and never compared but by hash. */
  readonly content: string | Buffer | Secret
  /** Shell command that must succeed on the candidate before it replaces the file; gets the candidate's quoted path. */
  readonly validate?: ((candidate: string) => string) | undefined
  /** Write only when there is no such file; content that is there is left alone. */
  readonly once?: boolean | undefined
}

const bytesOf = (content: string | Buffer | Secret): Buffer =>
  Buffer.isBuffer(content)
    ? content
    : Buffer.from(content instanceof Secret ? content.reveal() : content)

/** `printf` is a builtin of every sh here: content never appears in an argv. */
const printed = (bytes: Buffer): string => {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes) && !text.includes('\0')) return `printf %s ${quote(text)}`
  return `printf '${[...bytes].map(b => `\\${b.toString(8).padStart(3, '0')}`).join('')}'`
}

/** Largest content that travels inside the script; more belongs into an artifact. */
const MAX_BYTES = 8 * 1024 * 1024

interface WriteOptions extends FileOptions {
  readonly path: string
  readonly ofSystemd?: true | undefined
  /** The unit that the file belongs to: systemd is told as part of the change. */
  readonly unit?: string | undefined
}

/** What `file` and `unit` share. */
export const writeFile = resource({
  name: (o: WriteOptions) => `file ${o.path}`,
  check(o) {
    checkPath(o.path)
    expect(
      o.ofSystemd === true || !UNIT_FILE.test(o.path),
      `${o.path} is a unit file: use unit(), which tells systemd`,
    )
    expect(
      bytesOf(o.content).length <= MAX_BYTES,
      `the content has more than ${MAX_BYTES} bytes: use artifact()`,
    )
  },
  needs: o => ({
    self: ask('path', o.path),
    sum: ask('sha', o.path),
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
      return [...accessChanges(o.path, now.self, access, o.once ? undefined : sum), ...stale]
    return [replace(o, bytes, sum, stale[0]?.factsAfter ?? [])]
  },
  diff: o => ({ path: o.path, after: o.content }),
})

const RELOAD = 'systemctl daemon-reload'

/** A run that was killed between writing the unit and telling systemd left this to do. */
const reloaded = (unit: string, now: UnitFact): PlannedChange[] => [
  {
    what: 'daemon-reload',
    script: RELOAD,
    factsAfter: [[ask('unit', unit), { ...now, reload: false }]],
  },
]

/** Write beside the target, check, validate, sync, rename: readers see the old or the new file, never a part. */
function replace(
  o: WriteOptions,
  bytes: Buffer,
  sum: string,
  factsAfter: readonly Left[],
): PlannedChange {
  const { mode, user, group } = accessOf(o, '0644')
  const prepare = [
    stage(o.path),
    // dash's printf says "I/O error", whatever the reason.
    `${printed(bytes)} >new || { [ "$(stat -f -c %f .)" != 0 ] || echo 'No space left on device' >&2; exit 74; }`,
    `[ "$(stat -c %s new)" = ${bytes.length} ] || { echo 'short write' >&2; exit 74; }`,
    // Also for root: a setgid directory gives its group to what is made in it.
    `chown -h -- ${quote(`${user}:${group}`)} new`,
    `chmod -- ${mode} new`,
    ...(o.validate === undefined ? [] : [validation(o.validate, o.path)]),
    'sync -- new',
  ].join('\n')
  const text = o.content instanceof Secret || Buffer.isBuffer(o.content) ? undefined : o.content
  return {
    what: 'content',
    prepare: o.content instanceof Secret ? new Secret(prepare, o.content.name) : prepare,
    script: `${PUBLISH}${o.ofSystemd ? `\n${RELOAD}` : ''}`,
    factsAfter: [
      [ask('path', o.path), { type: 'file', mode, owner: user, group }],
      [ask('sha', o.path), sum],
      ...factsAfter,
    ],
    ...(text === undefined ? {} : { text: [o.path, text] as const }),
  }
}

/**
 * A regular file with exactly this content, owner (root:root) and mode (0644).
 * A failed validation leaves the file and its readers untouched and shows the command and its output.
 */
export const file = (path: string, options: FileOptions): Promise<Result> =>
  writeFile({ path, ...options })

const UNIT_FILE =
  /^\/etc\/systemd\/system\/([^/]+\.(service|timer|socket|mount|automount|path|target|slice)$|[^/]+\.d\/)/
