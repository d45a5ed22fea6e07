/** Lines and blanks as Python has them, for files that Ansible reads line by line. */

/** The lines of a text (str.splitlines), which end at more characters than JavaScript's do. */
export const splitLines = (text: string): string[] =>
  text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/)

const BLANKS = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g

/** A text without blanks around it (str.strip). */
export const strip = (text: string): string =>
  text.replace(BLANKS, blanks => blanks.replace(/[^\ufeff]/g, ''))
