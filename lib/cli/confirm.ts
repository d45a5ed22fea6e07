import type { Playbook } from '../engine/define/playbook.ts'
import { UsageError } from '../errors.ts'
import type { Host, Inventory } from '../inventory/types.ts'
import { askLine } from './print.ts'

/** Asks for what a playbook wants typed, unless `-e confirm=…` has said it. Throws UsageError when it is anything else. */
export async function confirmed(
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
    throw new UsageError(`play ${book.name} wants to be confirmed: ${question}`, {
      hint: `see it first with --dry-run; then add -e confirm=${answer}`,
    })
  const typed = given ?? (await askLine(`${question}\nType ${answer} to go on:`))
  if (String(typed).trim() === answer) return
  throw new UsageError(
    `play ${book.name} was not confirmed: expected ${answer}; nothing was touched`,
  )
}
