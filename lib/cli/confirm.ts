import type { Playbook } from '../engine/define/playbook.ts'
import { UsageError } from '../errors.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { askLine } from './print.ts'

/**
 * Asks the playbook's question and compares what is typed, or given as `-e confirm=…`, with the answer it expects.
 * A dry run does not ask. UsageError when the answer is another one or cannot be asked for.
 */
export async function demandConfirmation(
  book: Playbook,
  inventory: Inventory,
  hosts: readonly Host[],
  dryRun: boolean,
): Promise<void> {
  if (!book.confirm) return
  const { question, answer } = book.confirm({ inventory, hosts })
  if (dryRun) return
  const given = hosts[0]?.vars['confirm'] as string | number | undefined
  if (given === undefined && !process.stdin.isTTY)
    throw new UsageError(`play ${book.name} needs confirmation: ${question}`, {
      hint: `look first, with --dry-run; then add -e confirm=${answer}`,
    })
  const typed = given ?? (await askLine(`${question}\nType ${answer} to continue:`))
  if (String(typed).trim() === answer) return
  throw new UsageError(
    `play ${book.name} was not confirmed: expected ${answer}; nothing was touched`,
  )
}
