import { ROWS, type Class } from './keyword-table.ts'

/** The output of `ssh -G`: values by keyword, keywords in lower case. */
export type Answers = ReadonlyMap<string, readonly string[]>

/** The class of each keyword, in lower case. */
const KEYWORDS: ReadonlyMap<string, Class> = new Map(
  ROWS.flatMap(row => row.keywords.split(' ').map(k => [k.toLowerCase(), row.class] as const)),
)

/** Spelling of ssh_config(5). */
const NAMES: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap(row => row.keywords.split(' ').map(k => [k.toLowerCase(), k] as const)),
)

/** A keyword as ssh_config(5) spells it. */
export const nameOf = (keyword: string): string => NAMES.get(keyword.toLowerCase()) ?? keyword

/** Keywords of `ssh -G` that are missing in the table; a test keeps the table complete. */
export const unknownKeywords = (answers: Answers): string[] =>
  [...answers.keys()].filter(k => !KEYWORDS.has(k.toLowerCase()))

/**
 * The first setting that ssh2 cannot follow, as `keyword value`; undefined: there is none. `defaults`: OpenSSH's own
 * defaults; called only when they decide.
 */
export const beyondTable = async (
  answers: Answers,
  defaults: () => Promise<Answers>,
): Promise<string | undefined> => {
  for (const [keyword, values] of answers) {
    const known = KEYWORDS.get(keyword.toLowerCase()) ?? []
    if (known === 'honoured' || known === 'irrelevant') continue
    const other = values.find(v => !known.includes(v.toLowerCase()))
    if (other === undefined || keyword === 'preferredauthentications') continue
    if (String((await defaults()).get(keyword)) !== String(values))
      return `${nameOf(keyword)} ${other}`
  }
  const preferred = answers.get('preferredauthentications')?.[0]
  if (preferred !== undefined && !preferred.split(',').includes('publickey'))
    return `${nameOf('preferredauthentications')} ${preferred}`
  return undefined
}
