import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { cleanLine } from '../text/sanitise.ts'
import { recordedRuns, recordOf, type RecordedRun } from './read.ts'

/** Shorter words of digits are numbers: 1 is the newest run. Ids have 8 hexadecimal digits. */
const SHORTEST_ID = 4
/** Of the records that an error names. */
const NAMED = 5

/**
 * The recorded run that a word names: `last` or 1 (the newest), 2 (the one before), the begin of an id of at least four
 * characters, or the path of a record (a word with a slash or the ending .jsonl). Throws UsageError when there is none, or
 * more than one; its hint has `place`, the options that name these records (" --lab").
 *
 *     findRun(runsDir(), 'last').run.command // "play site"
 */
export function findRun(dir: string, word: string, place = ''): RecordedRun {
  if (word.includes('/') || word.endsWith('.jsonl')) return recordOf(resolve(word))
  if (word !== 'last' && !/^([1-9]\d*|[0-9a-f]{4,8})$/.test(word))
    throw new UsageError(`"${word}" names no run`, {
      hint: `last, a number (1 is the newest), the begin of an id (fmc runs${place} lists them), or the path of a record`,
    })
  const number = word === 'last' ? 1 : Number(word)
  if (word !== 'last' && word.length >= SHORTEST_ID) {
    const found = [...recordedRuns(dir)].filter(({ run }) => run.id.startsWith(word))
    const [one, ...others] = found
    if (one && others.length === 0) return one
    if (one)
      throw new UsageError(
        `${found.length} recorded runs have an id that begins with ${word}: ${named(found)}`,
        { hint: `fmc runs${place}` },
      )
    if (!/^\d+$/.test(word))
      throw new UsageError(`no recorded run has an id that begins with ${word}`, {
        hint: `fmc runs${place}   # the records in ${dir}`,
      })
  }
  let count = 0
  for (const recorded of recordedRuns(dir)) if (++count === number) return recorded
  throw new UsageError(
    count === 0
      ? `there is no record of a run in ${dir}`
      : `there is no run number ${number}: ${count === 1 ? 'one run is' : `${count} runs are`} recorded in ${dir}`,
    {
      hint:
        count > 0
          ? `fmc runs${place}`
          : `fmc play site --dry-run${place}${place === '' ? '\n  fmc runs --lab   # the runs of the lab' : ''}`,
    },
  )
}

const named = (found: readonly RecordedRun[]): string =>
  [
    ...found.slice(0, NAMED).map(({ run }) => cleanLine(run.id)),
    ...(found.length > NAMED ? ['…'] : []),
  ].join(', ')
