/**
 * The variable with the session's random word. The session's own shell draws the word on the host and sends it in its
 * greeting; it is in no argument list and no environment. `ps` shows the exec request to every local user, so a script
 * that travels in it only spells the word, as this variable.
 */
const VARIABLE = '_fmc_t'

/** The spelled word, for use inside single quotes, such as in the format of the shell's own printf. */
export const SPELLED = `'"$${VARIABLE}"'`

/** Shell text before a script that spells the word. */
export const setWord = (word: string): string => `${VARIABLE}=${word}; `
/** Shell text before any other script, which must not find the word. */
export const unsetWord = `unset ${VARIABLE}; `

/** The kernel gives another random UUID (122 bits) with every read (random(4)). Builtins can read it. */
export const UUID_FILE = '/proc/sys/kernel/random/uuid'
/** A UUID as the kernel prints it. dash reads one byte at a time, each from another UUID; the form stays the same. */
export const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

/** Shell text that draws the word. It unsets the variable first, so that the new one is not exported. */
export const drawWord = `unset ${VARIABLE}; read -r ${VARIABLE} <${UUID_FILE} && [ -n "$${VARIABLE}" ] || exit 1`

/** Separates the parts of an answer. Only the session's shell can print it. */
interface Mark {
  /** For a printf format in single quotes. */
  readonly spelled: string
  /** The characters that the shell of the session with this word prints. */
  readonly printed: (word: string) => string
}

/** The mark of this name. */
export const mark = (name: string): Mark => ({
  spelled: `\\036${SPELLED}:${name}:`,
  printed: word => `\x1e${word}:${name}:`,
})
