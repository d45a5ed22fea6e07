import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
import { quote } from '../shell/quote.ts'
import { accessChanges, accessOf, checkOwner, ownerNeeds, type AccessOptions } from './access.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { PlannedChange } from './scope.ts'

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
  /** Shell command that belongs to the change itself and follows the rename. */
  readonly after?: string | undefined
}

/** What `file` and `unit` share. */
export const writeFile = resource({
  name: (o: WriteOptions) => `file ${o.path}`,
  check(o) {
    checkPath(o.path)
    expect(
      bytesOf(o.content).length <= MAX_BYTES,
      `the content has more than ${MAX_BYTES} bytes: use artifact()`,
    )
  },
  needs: o => ({
    self: ask('path', o.path),
    sum: ask('sha', o.path),
    parent: ask('path', dirname(o.path)),
    ...ownerNeeds(accessOf(o, '0644')),
  }),
  plan(o, now, { doubt }) {
    const access = accessOf(o, '0644')
    if (!doubt && now.parent === null)
      throw new TaskError(`the directory ${dirname(o.path)} does not exist`)
    if (now.parent !== null && now.parent.type === 'file')
      throw new TaskError(`${dirname(o.path)} is a file`)
    checkOwner(access, now, doubt)
    if (now.self !== null && now.self.type !== 'file')
      throw new TaskError(`${o.path} is a ${now.self.type}, not a file`)
    const bytes = bytesOf(o.content)
    const sum = createHash('sha256').update(bytes).digest('hex')
    if (now.self !== null && (now.sum === sum || o.once))
      return accessChanges(o.path, now.self, access)
    return [replace(o, bytes, sum)]
  },
  diff: o => ({ path: o.path, after: o.content }),
})

/** Write next to the target, check, validate, sync, rename: readers see the old or the new file, never a part. */
function replace(o: WriteOptions, bytes: Buffer, sum: string): PlannedChange {
  const { mode, user, group } = accessOf(o, '0644')
  const candidate = quote(`${o.path}.fmc-new`)
  const validate = o.validate?.(candidate)
  // noclobber (set -C) opens with O_EXCL: a link planted under the candidate's name is never followed.
  const prepare = [
    `trap ${quote(`rm -f -- ${candidate}`)} EXIT`,
    `rm -f -- ${candidate}; umask 077; set -C`,
    // dash's printf says "I/O error", whatever the reason.
    `${printed(bytes)} >${candidate} || { [ "$(stat -f -c %f -- ${quote(dirname(o.path))})" != 0 ] || echo 'No space left on device' >&2; exit 74; }`,
    'set +C; umask 022',
    `[ "$(stat -c %s -- ${candidate})" = ${bytes.length} ] || { echo 'short write' >&2; exit 74; }`,
    ...(user === 'root' && group === 'root'
      ? []
      : [`chown -- ${quote(`${user}:${group}`)} ${candidate}`]),
    `chmod -- ${mode} ${candidate}`,
    ...(validate === undefined
      ? []
      : [
          `( set +e; eval ${quote(validate)} ) </dev/null || { printf 'validation failed with exit code %s: %s\\n' $? ${quote(validate.trim().split('\n', 1)[0] ?? '')} >&2; exit 65; }`,
        ]),
    `sync -- ${candidate}`,
  ].join('\n')
  const text = o.content instanceof Secret || Buffer.isBuffer(o.content) ? undefined : o.content
  return {
    what: 'content',
    prepare: o.content instanceof Secret ? new Secret(prepare, o.content.name) : prepare,
    script: `mv -fT -- ${candidate} ${quote(o.path)}${o.after === undefined ? '' : `\n${o.after}`}`,
    leaves: [
      [ask('path', o.path), { type: 'file', mode, owner: user, group }],
      [ask('sha', o.path), sum],
    ],
    ...(text === undefined ? {} : { text: [o.path, text] as const }),
  }
}

/**
 * A regular file with exactly this content, owner (root:root) and mode (0644).
 * A failed validation leaves the file and its readers untouched and shows the command and its output.
 */
export function file(path: string, options: FileOptions): Promise<Result> {
  expect(!UNIT_FILE.test(path), `${path} is a unit file: use unit(), which tells systemd`)
  return writeFile({ path, ...options })
}

const UNIT_FILE =
  /^\/etc\/systemd\/system\/([^/]+\.(service|timer|socket|mount|automount|path|target|slice)$|[^/]+\.d\/)/
