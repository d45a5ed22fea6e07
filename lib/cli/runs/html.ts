import { constants, closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { EXIT, UsageError } from '../../errors.ts'
import { findRun } from '../../record/index.ts'
import { quote } from '../../shell/quote.ts'
import { placeOf, type PlaceOptions } from './place.ts'
import { printError } from '../print.ts'

/** Options of `fmc runs report`. */
export interface ReportFileOptions extends PlaceOptions {
  readonly out: string
  readonly force?: boolean
}

/** `fmc runs report RUN --out FILE`. Resolves with the exit code. */
export async function writeReport(word: string, o: ReportFileOptions): Promise<number> {
  if (!/\.html?$/.test(o.out))
    throw new UsageError(`--out ${o.out}: expected a name that ends in .html`, {
      hint: `--out ${quote(`${o.out}.html`)}`,
    })
  const recorded = findRun(placeOf(o), word)
  const { REPORT_HEAD, reportPage } = await import('../../record/html/page.ts')
  const text = reportPage(recorded, recorded.read())
  try {
    const old = beginOf(o.out, REPORT_HEAD.length)
    if (old !== undefined && old !== REPORT_HEAD && !o.force)
      throw new UsageError(`${o.out} exists, and fmc runs report has not written it`, {
        hint: 'another name, or --force',
      })
    // A link that leads nowhere reads as a missing file, and is not one.
    writeFileSync(o.out, text, { flag: old === undefined ? 'wx' : 'w', mode: 0o600 })
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`cannot write ${o.out}: ${(error as Error).message}`)
  }
  printError(`${o.out}: ${Math.ceil(Buffer.byteLength(text) / 1024)} KB`)
  return EXIT.ok
}

/** The first bytes of a file; undefined: there is none. */
function beginOf(file: string, bytes: number): string | undefined {
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const buffer = Buffer.alloc(bytes)
    return buffer.subarray(0, readSync(fd, buffer)).toString()
  } finally {
    closeSync(fd)
  }
}
