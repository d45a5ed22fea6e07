import { EXIT, UsageError } from '../../errors.ts'
import { writeWhole } from '../../plan/file.ts'
import { quote } from '../../shell/quote.ts'
import { runAt, type PlaceOptions } from './place.ts'
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
  const recorded = runAt(o, word)
  const { REPORT_HEAD, reportPage } = await import('../../record/html/page.ts')
  const text = reportPage(recorded, recorded.read())
  writeWhole(o.out, text, o.force ? '' : REPORT_HEAD, 'name another file, or use --force')
  printError(`${o.out}: ${Math.ceil(Buffer.byteLength(text) / 1024)} KB`)
  return EXIT.ok
}
