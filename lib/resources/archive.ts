import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dirname } from 'node:path/posix'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { resume } from '../shell/staging.ts'
import { accessOf, checkOwner, checkParent, ownerNeeds } from './access.ts'
import { checkPath, expect, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'
import { sourcePath } from './source.ts'

export interface ArchiveOptions extends Common {
  /** Leading path components to leave out, as tar's --strip-components; default 0. */
  readonly strip?: number | undefined
  /** `user` or `user:group` of everything; default root:root. */
  readonly owner?: string | undefined
}

const MOST_BYTES = 512 * 1024 * 1024

/** In the unpacked directory: what is in it. */
const MARKER = '.fmc-archive'

/**
 * Unpacks a tar archive of the project (.tar, .tar.gz, .tgz; unpacked at most 512 MB) into a directory that belongs to this task
 * alone. A new archive replaces the whole directory. fmc recognises what it has unpacked by a file in it (.fmc-archive, with the
 * archive's SHA-256), so it does not notice later changes to single files. It reads the archive on the controller, and sends the
 * host only files, directories and links that stay inside, with modes 0755 and 0644.
 *
 * @param source - file in the role's directory (roles/ROLE), else beside the inventory; or absolute
 * @param path - absolute; fmc makes it in a directory that only root can change
 * @throws TaskError for an archive that is damaged or has members outside of the directory, devices, hard links or links that lead
 * out; for a path where something is that fmc has not unpacked; and for a missing owner or parent.
 *
 * @example
 * await archive('files/app-1.2.tar.gz', '/opt/app', { strip: 1, notify: 'restart app' })
 */
export async function archive(
  source: string,
  path: string,
  options: ArchiveOptions = {},
): Promise<Result> {
  const here = scope()
  return here.task(`archive ${path}`, async task => {
    checkPath(path)
    const { strip = 0, notify } = options
    expect(
      Number.isSafeInteger(strip) && strip >= 0,
      `strip: ${strip} is not a number of components`,
    )
    const access = accessOf({ owner: options.owner }, '0755')
    const owners = ownerNeeds(access)
    const from = sourcePath(source)
    const bytes = read(from)
    const digest = createHash('sha256').update(bytes).digest('hex')
    const owner = `${access.user}:${access.group}`
    const mark = `${digest} strip ${strip} owner ${owner}\n`
    const [self, sum, parent, user, group] = await Promise.all([
      here.read(ask('path', path)),
      here.read(ask('sha', join(path, MARKER))),
      here.read(ask('path', dirname(path))),
      owners.owner ? here.read(owners.owner) : undefined,
      owners.ownerGroup ? here.read(owners.ownerGroup) : undefined,
    ])
    const doubt = here.doubt !== undefined
    checkParent(path, parent, doubt)
    checkOwner(access, { owner: user, ownerGroup: group }, doubt)
    const markSum = createHash('sha256').update(mark).digest('hex')
    if (self?.type === 'directory' && sum === markSum) return { changes: [] }
    if (self !== null && (self.type !== 'directory' || sum === null))
      throw new TaskError(`${path} is there, and fmc has not unpacked it`, {
        hint: `choose another directory, or remove it: fmc run ${here.host.name} -- rm -r ${quote(path)}`,
      })
    const { readTar, without, writeTar } = await import('../artifacts/tar.ts')
    // Such a member would decide where fmc's own file is written.
    const members = without(MARKER, readTar(await unzipped(from, bytes), from, strip))
    expect(members.length > 0, `${from} has no member with more than ${strip} path components`)
    const clean = writeTar(members)
    const scratch = here.mode === 'apply' ? mkdtempSync(join(tmpdir(), 'fmc-archive-')) : undefined
    try {
      const tar = join(scratch ?? '/', 'clean.tar')
      if (scratch !== undefined) writeFileSync(tar, clean, { mode: 0o600, flag: 'wx' })
      const change: PlannedChange = {
        what: `unpack ${source}`,
        upload: { from: tar, to: path },
        prepare: unpack(path, clean, mark, owner),
        script: PUT_IN_PLACE,
        text: [join(path, MARKER), mark],
        factsAfter: [
          [
            ask('path', path),
            { type: 'directory', mode: '0755', owner: access.user, group: access.group },
          ],
          [ask('sha', join(path, MARKER)), markSum],
        ],
        timeoutMs: 30 * 60_000,
        ...(path === '/etc' || path.startsWith('/etc/') ? {} : { keepsSettings: true }),
      }
      await task.carryOut([change], { notify, opaque: true })
      return { changes: [change] }
    } finally {
      if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
    }
  })
}

function read(file: string): Buffer {
  expect(statSync(file).size <= MOST_BYTES, `${file} has more than ${MOST_BYTES} bytes`)
  return readFileSync(file)
}

async function unzipped(file: string, bytes: Buffer): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  return promisify(gunzip)(bytes, { maxOutputLength: MOST_BYTES }).catch((error: unknown) => {
    throw new TaskError(`${file} cannot be unpacked: ${(error as Error).message}`)
  })
}

/** Shell text that unpacks the sent archive beside the directory. */
const unpack = (path: string, tar: Buffer, mark: string, owner: string): string => `${resume(path)}
[ -z "$fmc_open" ] || fmc_no "other users can change $fmc_dir: archive() unpacks only into a directory that only root can change"
printf '%s  new\\n' ${createHash('sha256').update(tar).digest('hex')} | sha256sum -c --quiet - >&2
rm -rf -- tree old
mkdir -m 0755 tree
trap 'rm -rf -- tree; fmc_unstage' EXIT
tar --no-same-owner -xpf new -C tree
printf %s ${quote(mark)} >tree/${MARKER}
chmod 0644 tree/${MARKER}
chown -hR -- ${quote(owner)} tree
sync -- tree`

/** A reader that comes between the two renames finds no directory. */
const PUT_IN_PLACE = `if [ -e "../$fmc_name" ]; then mv -T -- "../$fmc_name" old; fi
mv -T -- tree "../$fmc_name"
rm -rf -- old
fmc_unstage
trap - EXIT
umask 022`
