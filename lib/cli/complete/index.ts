/**
 * `fmc __complete`, which the scripts of `fmc completion` call on Tab: a program of its own, because it must answer in a tenth
 * of a second. It prints one candidate per line, a tab, and what it is; or `:files` or `:directories`. It never prints an error.
 *
 *     fmc __complete bash "$COMP_WORDBREAKS" "fmc play si"
 *     fmc __complete words play si
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { homeDir } from '../../cache-dir.ts'
import { cleanLine } from '../../text/sanitise.ts'
import { packageRoot } from '../paths.ts'
import { ignoreClosedReaders, print } from '../print.ts'
import { complete, type Candidate } from './candidates.ts'
import { afterBreak, splitLine } from './line.ts'
import { namesOf } from './names.ts'
import type { CommandTree } from './tree.ts'

/** Answers one request; `argv` is what follows `__complete`. */
export async function main([shell = '', ...argv]: readonly string[]): Promise<void> {
  ignoreClosedReaders()
  try {
    const [breaks = '', text = ''] = shell === 'bash' ? argv : []
    const line = shell === 'bash' ? splitLine(text) : { words: ['fmc', ...argv] }
    const words = line.words.slice(1)
    const found = await complete(commandTree(), words, namesOf(inventoryIn(words)))
    if (typeof found === 'string') print(`:${found}`)
    else if (found.length > 0)
      print(found.map(c => lineFor(c, c => afterBreak(c, line, breaks))).join('\n'))
  } catch {
    // Nothing to offer.
  }
}

const lineFor = ({ value, about }: Candidate, trimmed: (value: string) => string): string =>
  [cleanLine(trimmed(value)), ...(about ? [cleanLine(about)] : [])].join('\t')

const commandTree = (): CommandTree =>
  JSON.parse(readFileSync(join(packageRoot(), 'dist/commands.json'), 'utf8')) as CommandTree

/** The inventory that the line names. */
function inventoryIn(words: readonly string[]): string {
  const before = words.slice(0, -1)
  const last = before.findLastIndex(word => /^(-i|--inventory)/.test(word))
  const word = before[last] ?? ''
  const value =
    /^(?:-i|--inventory=)(.+)$/s.exec(word)?.[1] ?? (last < 0 ? undefined : before[last + 1])
  const file =
    word.startsWith('--inventory') && word !== '--inventory' && !word.includes('=')
      ? undefined
      : value
  return file?.replace(/^~(?=\/)/, homeDir() ?? '~') ?? 'inventory.yaml'
}
