import { EXIT, UsageError } from '../../errors.ts'
import { findRun, mergedRecord } from '../../record/index.ts'
import { quote } from '../../shell/quote.ts'
import { writeWholeFile } from '../../whole-file.ts'
import { print } from '../print.ts'
import { placeOf, type PlaceOptions } from './place.ts'

/** Options of `fmc runs merge`. */
export interface MergeOptions extends PlaceOptions {
  readonly out: string
}

/** `fmc runs merge RUN… --out FILE`. Resolves with the exit code. */
export function mergeRuns(words: readonly string[], o: MergeOptions): Promise<number> {
  if (!o.out.endsWith('.jsonl'))
    throw new UsageError(`--out ${o.out}: expected a name that ends in .jsonl`, {
      hint: `--out ${quote(`${o.out}.jsonl`)}`,
    })
  const isPath = (word: string): boolean => word.includes('/') || word.endsWith('.jsonl')
  const dir = words.every(isPath) ? '.' : placeOf(o)
  const text = mergedRecord(words.map(word => findRun(dir, word)))
  try {
    writeWholeFile(o.out, text, { isNew: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === 'EEXIST' ? `${o.out} exists` : `cannot write ${o.out}: ${message}`,
      code === 'EEXIST' ? { hint: 'name another file' } : {},
    )
  }
  print(`fmc runs show ${quote(o.out.includes('/') ? o.out : `./${o.out}`)}`)
  return Promise.resolve(EXIT.ok)
}
