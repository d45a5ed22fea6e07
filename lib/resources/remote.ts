import { ask } from '../facts/index.ts'
import { Secret } from '../secrets/secret.ts'
import { checkPath } from './resource.ts'
import { scope } from './scope.ts'

/** A file of the host as it is now, up to 256 KiB: a Secret, so that it goes nowhere but into files. null: there is none. */
export async function readSecret(path: string): Promise<Secret | null> {
  checkPath(path)
  const bytes = await scope().read(ask('content', path))
  return bytes === null ? null : new Secret(bytes.toString('utf8'), path)
}

/** The YAML library, loaded when first needed. */
export const yaml = (): Promise<typeof import('yaml')> => import('yaml')
