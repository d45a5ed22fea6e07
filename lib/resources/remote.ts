import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
import { checkPath } from './resource.ts'
import { scope } from './scope.ts'

const MOST_BYTES = 256 * 1024

/**
 * Reads a file of the host, up to 256 KiB, as a Secret, so that its content can only go into files and stdin. null: there is no
 * such regular file, or it is larger.
 *
 * @param path - absolute, without `..` or a trailing slash
 * @throws TaskError when the host sends more than it may.
 *
 * @example
 * const token = await readSecret('/var/lib/rancher/k3s/server/token')
 * if (token) await file('/etc/app/token', { content: token, mode: '0600' })
 */
export async function readSecret(path: string): Promise<Secret | null> {
  checkPath(path)
  const bytes = await scope().read(ask('content', path))
  if (bytes !== null && bytes.length > MOST_BYTES)
    throw new TaskError(`${path}: the host sent ${bytes.length} bytes; the limit is ${MOST_BYTES}`)
  return bytes === null ? null : new Secret(bytes.toString('utf8'), path)
}

/**
 * The `yaml` library (https://eemeli.org/yaml), loaded when first needed.
 *
 * @example
 * const { stringify } = await yaml()
 * await file('/etc/app.yaml', { content: stringify({ debug: false }) })
 */
export const yaml = (): Promise<typeof import('yaml')> => import('yaml')
