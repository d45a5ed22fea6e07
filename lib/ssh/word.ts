/**
 * The word of a session: drawn on the host by the session's own shell, told to the controller in the greeting, and then
 * in no argument list and no environment. `ps` shows every local user the exec request, so a script that travels in it
 * only spells the word, as a variable of that shell.
 */
const VARIABLE = '_fmc_t'

/** The word as it is spelled inside a text in single quotes, such as the format of the shell's own printf. */
export const SPELLED = `'"$${VARIABLE}"'`

/** Shell text before a script that is sent over stdin: the script may spell the word, or must not find it. */
export const tellWord = (word: string): string => `${VARIABLE}=${word}; `
export const hideWord = `unset ${VARIABLE}; `

/** Where the kernel gives a random UUID: 122 bits, fresh with every read (random(4)). Only builtins are needed. */
export const UUID_FILE = '/proc/sys/kernel/random/uuid'
/** A UUID as the kernel prints it. dash reads one byte at a time, each from another UUID: the form stays the same. */
export const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

/** Draws the word. The variable is unset first, so that it cannot be an exported one. */
export const drawWord = `unset ${VARIABLE}; read -r ${VARIABLE} <${UUID_FILE} && [ -n "$${VARIABLE}" ] || exit 1`

/** What separates the parts of an answer. Nothing on the host but the session's shell can print it. */
export interface Mark {
  /** For a printf format in single quotes. */
  readonly spelled: string
  /** The characters as they are printed in the session whose word this is. */
  readonly printed: (word: string) => string
}

export const mark = (name: string): Mark => ({
  spelled: `\\036${SPELLED}:${name}:`,
  printed: word => `\x1e${word}:${name}:`,
})
