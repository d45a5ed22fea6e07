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
import { checkPath, type Common, type Result } from './resource.ts'
import { scope, type PlannedChange, type Scope } from './scope.ts'

export interface ArtifactOptions extends Common, AccessOptions {
  /** Shell command that must succeed on the candidate before it replaces the file; gets its quoted path. */
  readonly validate?: ((candidate: string) => string) | undefined
  /** Exactly this one, which files/artifacts.yaml or the inventory must pin; default: the one pinned there. */
  readonly version?: string | undefined
  /** The path names the checksum: a file that is there was checked when it was put there, and is not read again. */
  readonly trustPresent?: boolean | undefined
}

/** The pins stand beside the library: files/artifacts.yaml. Both lib/resources and dist lie one folder below the root or two. */
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

/** What a host gets as an artifact: its version, and the sha256 of the file. One that is not pinned fails as a task of its own. */
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
 * A program on a host with the checksum that files/artifacts.yaml pins, whatever its operating system. The controller
 * downloads it once (or takes it from --artifacts DIR) and streams it; the host's file is replaced in one step.
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
    const [self, sum, parent, owner, ownerGroup] = await Promise.all([
      here.read(ask('path', path)),
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
      const changes = accessChanges(path, self, access, want)
      await task.carryOut(changes, { notify: options.notify })
      return { changes }
    }
    task.progress(`fetching ${name} ${spec.version}`)
    // In a plan, too: what cannot be had is known before anything is changed.
    const { path: from } = await binaryOf(spec, source)
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
    ],
    timeoutMs: 30 * 60_000,
  }
}
