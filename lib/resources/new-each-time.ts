/** Texts that a role makes again in every pass, so that a saved plan does not take them for a difference. */
import { forms } from '../secrets/redact.ts'

const texts = new Set<string>()
/** Shorter ones would match by chance. */
const SHORTEST = 8
/** A process that makes more of them than this forgets the oldest. */
const MOST = 10_000

/**
 * Says that a text in the script of a change is another one in every pass: a random salt, a new key, the present time. A saved
 * plan (`fmc plan --out`) leaves it out, also as base64 or quoted, when it compares. Returns the text.
 *
 * @param text - at least eight characters, so that it occurs nowhere else
 * @throws Error for a shorter text
 *
 * @example
 * const salt = newEachTime('b2f8c1d09e7a4c55')
 * await $({ creates: '/etc/app/salt' })`app-setup --salt ${salt}`
 */
export function newEachTime(text: string): string {
  if (text.length < SHORTEST)
    throw new Error(`newEachTime: the text has less than ${SHORTEST} characters`)
  for (const form of forms(text)) if (form.length >= SHORTEST) texts.add(form)
  for (const first of texts) {
    if (texts.size <= MOST) break
    texts.delete(first)
  }
  return text
}

/** The text without what `newEachTime` has named. */
export function withoutNewEachTime(text: string): string {
  let rest = text
  for (const one of texts) if (rest.includes(one)) rest = rest.replaceAll(one, '‹new each time›')
  return rest
}
