import { existsSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import type { Twin } from '../lab/index.ts'
import { openSecrets } from '../secrets/store.ts'
import { Secret } from '../secrets/secret.ts'
import { printError } from './print.ts'

/**
 * The secrets for a run against the lab: the project's own where its secrets file can be opened without a question, else
 * made-up values, which one line on stderr then says. An identity that the command line names must open the file. Throws
 * UsageError like openSecrets() for a file that is damaged.
 */
export async function labSecrets(
  lab: Twin,
  names: readonly string[],
  file: string,
  identity: string | undefined,
): Promise<ReadonlyMap<string, Secret>> {
  const opened = existsSync(file) ? await openIfPossible(file, identity) : undefined
  if (typeof opened === 'string')
    printError(`lab: secrets have made-up values, since ${file} cannot be opened: ${opened}`)
  const own = typeof opened === 'object' ? opened : new Map<string, Secret>()
  const missing = names.filter(name => !own.has(name))
  if (typeof opened === 'object' && missing.length > 0)
    printError(`lab: ${file} lacks ${missing.join(', ')}: made-up values stand in`)
  const value = (name: string): Secret => own.get(name) ?? new Secret(lab.secret(name), name)
  return new Map(names.map(name => [name, value(name)]))
}

/** The secrets of a file, or why it cannot be opened here. */
const openIfPossible = async (
  file: string,
  identity: string | undefined,
): Promise<ReadonlyMap<string, Secret> | string> => {
  const prompt = () => {
    const hint = 'FMC_AGE_PASSPHRASE_FILE=FILE'
    return Promise.reject(new UsageError(`it needs a passphrase (${hint})`))
  }
  try {
    return await openSecrets(file, { prompt, ...(identity === undefined ? {} : { identity }) })
  } catch (error) {
    if (identity !== undefined || !(error instanceof UsageError)) throw error
    return error.message
  }
}
