import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TaskError } from '../errors.ts'
import { Secret } from '../secrets/secret.ts'
import { checkPath, expect, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange, type Scope } from './scope.ts'

/**
 * The content of a file on the controller. null: not known until the play runs; a plan counts that as a change.
 *
 * @example
 * const content: LocalContent = await readSecret('/etc/rancher/k3s/k3s.yaml')
 */
export type LocalContent = string | Secret | null

export interface LocalFileOptions extends Omit<Common, 'notify'> {
  /** The whole content, or a function of the present content (undefined: there is no file). */
  readonly content:
    LocalContent | ((now: string | undefined) => LocalContent | Promise<LocalContent>)
  /** Octal; default '0600'. */
  readonly mode?: string | undefined
}

interface Found {
  /** The file's path with all links resolved. */
  readonly path: string
  readonly text: string | undefined
  readonly mode: number
}

/** The last write in the queue of each file. */
const turns = new Map<string, Promise<unknown>>()

function inTurn<T>(path: string, body: () => Promise<T>): Promise<T> {
  const turn = (turns.get(path) ?? Promise.resolve()).then(body)
  turns.set(
    path,
    turn.catch(() => undefined),
  )
  return turn
}

/**
 * Makes sure that a file on the controller (the machine that runs fmc) has this content. Readers see the old or the new file;
 * a link is followed. Missing directories are made with mode 0700. A Secret is never shown. When several hosts run in
 * parallel, their writes to one file take turns, so that none is lost.
 *
 * @param path - absolute path on the controller
 * @throws TaskError when the file cannot be read or written, and for content that is still null when the play runs.
 *
 * @example
 * await localFile('/srv/inventory/addresses', {
 *   content: (now = '') => `${now}${host().name} ${host().address}\n`,
 *   mode: '0644',
 * })
 */
export async function localFile(path: string, o: LocalFileOptions): Promise<Result> {
  const here = scope()
  const mode = o.mode ?? '0600'
  return here.task(`local file ${path}`, async task => {
    checkPath(path)
    expect(/^0?[0-7]{3}$/.test(mode), `mode ${JSON.stringify(mode)} is not octal, such as 0600`)
    return inTurn(path, async () => {
      const now = await find(path)
      const content = typeof o.content === 'function' ? await o.content(now.text) : o.content
      const changes = await planned(here, now, content, Number.parseInt(mode, 8))
      task.permit(changes)
      if (here.mode === 'apply' && changes.length > 0)
        await write(now, content, Number.parseInt(mode, 8)).catch((error: unknown) => {
          throw new TaskError(`cannot write ${now.path} on the controller: ${codeOf(error)}`)
        })
      return { changes }
    })
  })
}

async function find(path: string): Promise<Found> {
  try {
    const real = await realpath(path)
    return {
      path: real,
      text: await readFile(real, 'utf8'),
      mode: (await stat(real)).mode & 0o7777,
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { path, text: undefined, mode: 0 }
    throw new TaskError(`cannot read ${path} on the controller: ${codeOf(error)}`)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

const textOf = (content: LocalContent): string | undefined =>
  content instanceof Secret ? content.reveal() : (content ?? undefined)

async function planned(
  here: Scope,
  now: Found,
  content: LocalContent,
  mode: number,
): Promise<PlannedChange[]> {
  if (content === null && here.mode !== 'plan')
    throw new TaskError(`the content of ${now.path} is still unknown`)
  if (content !== null && textOf(content) === now.text)
    return now.mode === mode ? [] : [{ what: `mode ${octal(now.mode)} → ${octal(mode)}` }]
  return [
    {
      what: 'content',
      compared: content ?? '',
      ...(here.settings.diff ? { diff: await diffOf(now, content) } : {}),
    },
  ]
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

async function diffOf(now: Found, content: LocalContent): Promise<string> {
  if (content instanceof Secret || content === null)
    return `--- ${now.path}\n+++ ${now.path}\n(secret content differs)\n`
  const { unifiedDiff } = await import('../text/diff.ts')
  return unifiedDiff(now.path, now.text ?? '', Buffer.from(content))
}

async function write(now: Found, content: LocalContent, mode: number): Promise<void> {
  const text = textOf(content)
  if (text === now.text) return chmod(now.path, mode)
  await mkdir(dirname(now.path), { recursive: true, mode: 0o700 })
  const candidate = `${now.path}.fmc-new`
  await rm(candidate, { force: true })
  const file = await open(candidate, 'wx', 0o600)
  try {
    await file.writeFile(text ?? '')
    await file.chmod(mode)
    await file.sync()
    await rename(candidate, now.path)
  } catch (error) {
    await rm(candidate, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
