import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
import { checkPath } from './resource.ts'
import { scope } from './scope.ts'

const MOST_BYTES = 256 * 1024

/**
 * A file of the host as it is now, up to 256 KiB: a Secret, so that it goes nowhere but into files. null: there is none.
 * Throws TaskError when the host sends more.
 */
export async function readSecret(path: string): Promise<Secret | null> {
  checkPath(path)
  const bytes = await scope().read(ask('content', path))
  if (bytes !== null && bytes.length > MOST_BYTES)
    throw new TaskError(
      `${path}: the host sent ${bytes.length} bytes; at most ${MOST_BYTES} are taken`,
    )
  return bytes === null ? null : new Secret(bytes.toString('utf8'), path)
}

/** The YAML library, loaded when first needed. */
export const yaml = (): Promise<typeof import('yaml')> => import('yaml')
