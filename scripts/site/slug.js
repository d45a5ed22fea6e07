/** The id of a heading, as GitHub makes it: small letters, no punctuation, a hyphen for each blank. */
export const slug = text =>
  text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replace(/ /g, '-')

/** The ids of the headings of a Markdown text, in order; of equal ones the second has -1. Code blocks have none. */
export const headingIds = text => {
  const seen = new Map()
  return text
    .replace(/^(```|~~~)[^]*?^\1 *$/gm, '')
    .split('\n')
    .flatMap(line => {
      const [, title] = /^#{1,6} +(.+?) *#*$/.exec(line) ?? []
      if (title === undefined) return []
      const id = slug(title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
      const times = seen.get(id) ?? 0
      seen.set(id, times + 1)
      return [times === 0 ? id : `${id}-${times}`]
    })
}
