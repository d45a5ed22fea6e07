import { existsSync } from 'node:fs'
import { isSecretive, shownPath, withoutSecrets } from '../secrets/secretive.ts'

const HIDDEN = '‹secret›'

/**
 * A command line as it may be kept: without the values of variables that sound like secrets, without passwords in URLs, and
 * without what `hide` finds. A map or list in `-e` is left out as a whole.
 *
 *     shownArgv(['play', 'site', '-e', 'db_password=x', '-e', 'n=1'], text => text)
 *     // ['play', 'site', '-e', 'db_password=‹secret›', '-e', 'n=1']
 */
export function shownArgv(argv: readonly string[], hide: (text: string) => string): string[] {
  let option = ''
  return argv.map(word => {
    const before = option
    option = ''
    if (before !== '') return hide(shownValue(before, word))
    const [, long = '', value = ''] = /^(--(?:extra-vars|identity))=(.*)$/s.exec(word) ?? []
    if (long !== '') return hide(`${long}=${shownValue(long, value)}`)
    const [, cluster = '', rest = ''] = /^(-[CKv]*e)(.*)$/s.exec(word) ?? []
    if (cluster !== '' && rest !== '') return hide(`${cluster}${shownValue('-e', rest)}`)
    if (cluster !== '') option = '-e'
    else if (word === '--extra-vars' || word === '--identity') option = word
    return hide(word.includes('://') ? (withoutSecrets(word) ?? HIDDEN) : word)
  })
}

function shownValue(option: string, text: string): string {
  if (option === '--identity') return shownPath(text, existsSync(text))
  if (text.startsWith('@')) return `@${shownPath(text.slice(1), existsSync(text.slice(1)))}`
  if (text.startsWith('{')) return '{…}'
  const [, name, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (name === undefined) return HIDDEN
  // A map or a list may hold anything.
  if (/[{[]/.test(value)) return `${name}={…}`
  return `${name}=${isSecretive([name]) ? HIDDEN : (withoutSecrets(value) ?? HIDDEN)}`
}
