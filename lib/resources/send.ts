import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { PUBLISH, resume } from '../shell/staging.ts'
import { checkReadable } from './access.ts'
import { checkPath, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange } from './scope.ts'

/**
 * Makes sure that the host has a copy of a file of the controller (root:root 0600), for large or secret files. The copy is
 * streamed, its SHA-256 checked, and the old file replaced in one step. Time limit 30 minutes.
 *
 * @param from - path on the controller
 * @param path - absolute path on the host; its directory must exist
 * @throws TaskError when the local file cannot be read, and for a host path that fmc refuses to replace.
 *
 * @example
 * await send(`${keptAt('backup/db1')}/app.dump`, '/var/tmp/app.dump')
 */
export async function send(from: string, path: string, options: Common = {}): Promise<Result> {
  const here = scope()
  return here.task(`send ${path}`, async task => {
    checkPath(path)
    const sum = await sumOf(from)
    const now = await here.read(ask('sha', path))
    checkReadable(now)
    if (now === sum) return { changes: [] }
    const change: PlannedChange = {
      what: `send ${from}`,
      upload: { from, to: path },
      prepare: `${resume(path)}\nprintf '%s  new\\n' ${sum} | sha256sum -c --quiet - >&2\nchown -h -- root:root new\nsync -- new`,
      script: PUBLISH,
      factsAfter: [
        [ask('path', path), { type: 'file', mode: '0600', owner: 'root', group: 'root' }],
        [ask('sha', path), sum],
      ],
      timeoutMs: 30 * 60_000,
    }
    await task.carryOut([change], { notify: options.notify })
    return { changes: [change] }
  })
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw new TaskError(
      `cannot read ${file} on the controller: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
  return hash.digest('hex')
}
