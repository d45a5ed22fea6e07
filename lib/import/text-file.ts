import { readFileSync, statSync } from 'node:fs'
import { UsageError } from '../errors.ts'

const MAX_BYTES = 16 * 1024 * 1024
export const VAULT = '$ANSIBLE_VAULT;'

/**
 * The text of a file, UTF-8; bytes that are not are allowed in lines that begin with # or ;, as Ansible allows them. Throws
 * a UsageError when it cannot be read, is no regular file or is larger than 16 MB.
 */
export function readText(file: string): string {
  const bytes = readBytes(file)
  const strict = new TextDecoder('utf-8', { fatal: true })
  try {
    return strict.decode(bytes)
  } catch {
    const lines = bytes
      .toString('latin1')
      .split('\n')
      .map(line => (/^\s*[#;]/.test(line) ? line.replace(/[^\t -~]/g, '?') : line))
    try {
      return strict.decode(Buffer.from(lines.join('\n'), 'latin1'))
    } catch {
      throw new UsageError(`${file} is not UTF-8`, { hint: 'save it as UTF-8' })
    }
  }
}

function readBytes(file: string): Buffer {
  try {
    const stat = statSync(file)
    if (stat.size > MAX_BYTES)
      throw new UsageError(`${file} is larger than ${MAX_BYTES / 1024 / 1024} MB`)
    if (!stat.isFile()) throw new UsageError(`${file} is not a regular file`)
    return readFileSync(file)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${code ?? ''}`,
    )
  }
}
