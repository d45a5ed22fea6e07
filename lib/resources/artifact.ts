import { dirname } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { PUBLISH, resume } from '../shell/staging.ts'
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
import { bytesSaid } from './bytes.ts'
import { leftoverChanges, leftoverOf } from './leftover.ts'
import { checkPath, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange, type Scope } from './scope.ts'

export interface ArtifactOptions extends Common, AccessOptions {
  /** Gives the shell command that must succeed before the new file replaces the old one. It gets the new file's quoted path. */
  readonly validate?: ((candidate: string) => string) | undefined
  /** Version, which files/artifacts.yaml or the inventory must pin; default: the pinned one. */
  readonly version?: string | undefined
  /** Do not read an existing file again; for a path that contains the checksum. Default false. */
  readonly trustPresent?: boolean | undefined
}

/** The pins of files/artifacts.yaml: one folder up from dist/, two up from lib/resources/. */
const pins = async () => {
  const { loadArtifacts } = await import('../artifacts/load.ts')
  return loadArtifacts(
    fileURLToPath(
      new URL(
        import.meta.url.includes('/dist/')
          ? '../files/artifacts.yaml'
          : '../../files/artifacts.yaml',
        import.meta.url,
      ),
    ),
  )
}

async function specOf(name: string, here: Scope, version?: string) {
  const { archOf, resolveArtifact } = await import('../artifacts/resolve.ts')
  const machine = await here.read(ask('command', 'uname -m'))
  return resolveArtifact(
    name,
    archOf(machine.stdout.trim()),
    await pins(),
    here.settings.inventory.artifacts,
    version,
  )
}

/**
 * Version and SHA-256 (lower-case hex) of the file that a host would get as this artifact, for roles that name paths by
 * them.
 *
 * @param name - key in files/artifacts.yaml
 * @throws UsageError for an artifact that is not pinned, shown as a failed task of its own.
 *
 * @example
 * const { version } = await artifactPin('k3s')
 */
export async function artifactPin(
  name: string,
): Promise<{ readonly version: string; readonly sha256: string }> {
  const here = scope()
  try {
    const { sha256Of } = await import('../artifacts/binary.ts')
    const spec = await specOf(name, here)
    const sha256 = await sha256Of(spec, { artifactsDir: here.settings.artifactsDir })
    return { version: spec.version, sha256 }
  } catch (cause) {
    const error = cause as Error
    await here.task(`artifact ${name}`, () => Promise.reject(error))
    throw error
  }
}

/**
 * Makes sure that a host has a program with the checksum that files/artifacts.yaml pins, on any operating system. The
 * controller downloads it once (or takes it from --artifacts DIR) and streams it to the host, where it replaces the old file
 * in one step. Default mode 0755, owner root:root; time limit 30 minutes.
 *
 * @param name - key in files/artifacts.yaml
 * @param path - absolute path on the host; its directory must exist
 * @throws TaskError when the path is not a file, its directory or owner is missing, or `validate` fails; UsageError for an
 * artifact that is not pinned.
 *
 * @example
 * await artifact('k3s', '/usr/local/bin/k3s', {
 *   validate: candidate => `${candidate} --version`,
 *   notify: 'restart k3s',
 * })
 */
export async function artifact(
  name: string,
  path: string,
  options: ArtifactOptions = {},
): Promise<Result> {
  const here = scope()
  return here.task(`artifact ${path}`, async task => {
    checkPath(path)
    const access = accessOf(options, '0755')
    const { binaryOf, sha256Of } = await import('../artifacts/binary.ts')
    const spec = await specOf(name, here, options.version)
    const source = { artifactsDir: here.settings.artifactsDir }
    if (options.trustPresent && (await here.read(ask('path', path)))?.type === 'file')
      return { changes: [] }
    const want = await sha256Of(spec, source)
    const owners = ownerNeeds(access)
    const [self, left, sum, parent, owner, ownerGroup] = await Promise.all([
      here.read(ask('path', path)),
      here.read(leftoverOf(path)),
      here.read(ask('sha', path)),
      here.read(ask('path', dirname(path))),
      owners.owner ? here.read(owners.owner) : undefined,
      owners.ownerGroup ? here.read(owners.ownerGroup) : undefined,
    ])
    const doubt = here.doubt !== undefined
    checkParent(path, parent, doubt)
    checkReadable(sum)
    if (self !== null && self.type !== 'file')
      throw new TaskError(`${path} is a ${self.type}, not a file`)
    checkOwner(access, { owner, ownerGroup }, doubt)
    if (self !== null && sum === want) {
      const changes = [...accessChanges(path, self, access, want), ...leftoverChanges(path, left)]
      await task.carryOut(changes, { notify: options.notify })
      return { changes }
    }
    const fetching = `fetching ${name} ${spec.version}`
    task.progress(fetching)
    // In a plan too, so that a missing download is known before anything changes.
    const { path: from } = await binaryOf(spec, {
      ...source,
      onBytes: bytesSaid(fetching, text => task.progress(text)),
    })
    const changes = [install(path, `${name} ${spec.version}`, from, want, access, options.validate)]
    await task.carryOut(changes, { notify: options.notify })
    return { changes }
  })
}

function install(
  path: string,
  what: string,
  from: string,
  sum: string,
  { mode, user, group }: ReturnType<typeof accessOf>,
  validate: ArtifactOptions['validate'],
): PlannedChange {
  return {
    what: `install ${what}`,
    upload: { from, to: path },
    prepare: [
      resume(path),
      `printf '%s  new\\n' ${sum} | sha256sum -c --quiet - >&2`,
      `chown -h -- ${quote(`${user}:${group}`)} new`,
      `chmod -- ${mode} new`,
      ...(validate === undefined ? [] : [validation(validate, path)]),
      'sync -- new',
    ].join('\n'),
    script: PUBLISH,
    factsAfter: [
      [ask('path', path), { type: 'file', mode, owner: user, group }],
      [ask('sha', path), sum],
      [leftoverOf(path), false],
    ],
    timeoutMs: 30 * 60_000,
  }
}
