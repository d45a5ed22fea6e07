import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { PUBLISH, resume } from '../shell/staging.ts'
import {
  accessChanges,
  accessOf,
  checkOwner,
  checkReadable,
  ownerNeeds,
  type AccessOptions,
} from './access.ts'
import { leftoverChanges, leftoverOf } from './leftover.ts'
import { checkPath, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'
import { openSeen, type SeenFile } from './seen-file.ts'

/**
 * Makes sure that the host has a copy of a file of the controller, for large or secret files (default root:root 0600). The copy is
 * streamed, its SHA-256 checked, and the old file replaced in one step. Time limit 30 minutes.
 *
 * @param from - path on the controller
 * @param path - absolute path on the host; its directory must exist
 * @throws TaskError when the local file cannot be read, and for a host path that fmc refuses to replace.
 *
 * @example
 * await send(`${keptAt('backup/db1')}/app.dump`, '/var/tmp/app.dump')
 */
export function send(
  from: string,
  path: string,
  options: Common & AccessOptions = {},
): Promise<Result> {
  return sendSeen(from, path, options)
}

/** The same for a file that must still be the one that was `seen`. The host refuses what has another sum than it. */
export async function sendSeen(
  from: string,
  path: string,
  options: Common & AccessOptions,
  seen?: SeenFile,
): Promise<Result> {
  const here = scope()
  return here.task(`send ${path}`, async task => {
    checkPath(path)
    const sum = await sumOf(from, seen)
    const access = accessOf(options, '0600')
    const { mode, user, group } = access
    const { owner, ownerGroup } = ownerNeeds(access)
    const [now, self, left, known, knownGroup] = await Promise.all([
      here.read(ask('sha', path)),
      here.read(ask('path', path)),
      here.read(leftoverOf(path)),
      owner && here.read(owner),
      ownerGroup && here.read(ownerGroup),
    ])
    checkReadable(now)
    checkOwner(access, { owner: known, ownerGroup: knownGroup }, here.doubt !== undefined)
    if (self !== null && self.type !== 'file')
      throw new TaskError(`${path} is a ${self.type}, not a file`)
    if (now === sum && self !== null) {
      const changes = [...accessChanges(path, self, access, sum), ...leftoverChanges(path, left)]
      await task.carryOut(changes, { notify: options.notify })
      return { changes }
    }
    const change: PlannedChange = {
      what: `send ${from}`,
      upload: { from, to: path },
      prepare: `${resume(path)}\nprintf '%s  new\\n' ${sum} | sha256sum -c --quiet - >&2\nchown -h -- ${quote(`${user}:${group}`)} new\nchmod -- ${mode} new\nsync -- new`,
      script: PUBLISH,
      factsAfter: [
        [ask('path', path), { type: 'file', mode, owner: user, group }],
        [ask('sha', path), sum],
        [leftoverOf(path), false],
      ],
      timeoutMs: 30 * 60_000,
    }
    await task.carryOut([change], { notify: options.notify })
    return { changes: [change] }
  })
}

async function sumOf(file: string, seen?: SeenFile): Promise<string> {
  const hash = createHash('sha256')
  const fd = seen && openSeen(file, seen)
  await pipeline(createReadStream(file, fd === undefined ? {} : { fd }), hash).catch(
    (error: unknown) => {
      throw new TaskError(
        `cannot read ${file} on the controller: ${error instanceof Error ? error.message : String(error)}`,
      )
    },
  )
  return hash.digest('hex')
}
