import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { homedir, PLACEHOLDER } from './ask.ts'
import { globMatches } from './known-hosts.ts'

/**
 * The patterns of all Host stanzas but `*`; undefined when the files have something that fmc leaves to `ssh -G`: Match,
 * Include, or a setting for all hosts that depends on the host. `text`: all files, one after the other.
 */
export const hostPatterns = (text: string): readonly string[] | undefined => {
  const patterns: string[] = []
  let all = true
  for (const line of text.split('\n')) {
    const [, word = '', rest = ''] = /^\s*([a-z]\w*)[\s=]*(.*)$/i.exec(line) ?? []
    const keyword = word.toLowerCase()
    if (keyword === 'host') {
      const named = rest
        .replaceAll('"', ' ')
        .split(/\s+/)
        .filter(p => p !== '')
      all = named.includes('*')
      patterns.push(...named.filter(p => p !== '*').map(p => p.replace(/^!/, '').toLowerCase()))
    } else if (keyword === 'match' || keyword === 'include') return undefined
    else if (all && (/^(hostname|tag|canonical)/.test(keyword) || rest.includes('%')))
      return undefined
  }
  return patterns.some(p => globMatches(p, PLACEHOLDER)) ? undefined : patterns
}

let known: Promise<readonly string[] | undefined> | undefined

const read = async (): Promise<readonly string[] | undefined> => {
  const text = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
  const dir = '/etc/ssh/ssh_config.d'
  const more = await readdir(dir).catch(() => [])
  const [own, system, ...included] = await Promise.all(
    [join(homedir(), '.ssh/config'), '/etc/ssh/ssh_config', ...more.map(f => join(dir, f))].map(
      text,
    ),
  )
  const rest = system?.replace(/^\s*include\s+\/etc\/ssh\/ssh_config\.d\/\*\.conf\s*$/im, '')
  // A file begins outside of every stanza.
  return hostPatterns([own, ...included, rest].join('\nHost *\n'))
}

/** Do these names surely get the settings of a host that the configuration does not know? Then one `ssh -G` serves all such hosts. */
export const hasNoStanza = async (names: readonly string[]): Promise<boolean> => {
  const patterns = await (known ??= read())
  return (
    patterns !== undefined &&
    !names.some(name => patterns.some(p => globMatches(p, name.toLowerCase())))
  )
}
