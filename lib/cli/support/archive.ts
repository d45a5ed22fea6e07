import { gzipSync } from 'node:zlib'
import { writeTar } from '../../artifacts/tar.ts'
import { UsageError } from '../../errors.ts'
import { table } from '../../report/table.ts'
import { writeWholeFile } from '../../whole-file.ts'
import type { Part } from './collect.ts'

/** What is in the archive, and what is not. */
const README = `This archive was made by fmc support.

Plain: names of hosts, groups, roles, variables and users, paths, versions, sizes, what tasks changed in words, output of tasks that failed.
Masked: IP and MAC addresses (ip-…, mac-…; the same address has the same name within this archive, and its key was not kept).
Left out: secrets, values of variables, contents and diffs of files, keys.
`

/** All files of the archive, the one that explains it first. */
export const withReadme = (parts: readonly Part[]): Part[] => [
  { path: 'README.txt', about: 'what is masked and what is left out', text: README },
  ...parts,
]

/** The list of files with their sizes, as people see it before anything is written. */
export const listLines = (parts: readonly Part[]): string[] => [
  ...table(
    parts.map(({ path, about, text }) => [
      sizeOf(Buffer.byteLength(text)).padStart(9),
      path,
      about,
    ]),
  ),
]

const sizeOf = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 ** 2
      ? `${(bytes / 1024).toFixed(1)} kB`
      : `${(bytes / 1024 ** 2).toFixed(1)} MB`

/** Writes the archive, which only its owner may read. Throws UsageError, also when the file is there already. */
export function writeArchive(file: string, parts: readonly Part[]): number {
  const members = parts.map(({ path, text }) => ({
    ...{ path: `fmc-support/${path}`, kind: 'file' as const, executable: false, target: '' },
    content: Buffer.from(text),
  }))
  const bytes = gzipSync(writeTar(members))
  try {
    writeWholeFile(file, bytes, { isNew: true })
    return bytes.length
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'there is such a file already'
        : error instanceof Error
          ? error.message
          : String(error)
    throw new UsageError(`${file} cannot be written: ${why}`, {
      hint: 'fmc support --out ANOTHER.tar.gz',
    })
  }
}
