import { SSH_ARGUMENTS } from './connection.ts'
import { shellWords } from './ini.ts'
import type { Winners } from './layers.ts'
import type { AnsibleInventory, Variable } from './model.ts'
import { isSecretValue } from './secret-names.ts'
import { isTemplate } from './values.ts'

/** Options of ssh(1) that are keywords of ssh_config(5). */
const KEYWORDS: Readonly<Record<string, string>> = {
  J: 'ProxyJump',
  p: 'Port',
  l: 'User',
  i: 'IdentityFile',
  F: 'Include',
}
const FLAGS: Readonly<Record<string, string>> = {
  A: 'ForwardAgent yes',
  a: 'ForwardAgent no',
  C: 'Compression yes',
  4: 'AddressFamily inet',
  6: 'AddressFamily inet6',
  q: 'LogLevel QUIET',
}
/** Ansible's own multiplexing, which fmc does not need. */
const MULTIPLEXING = /^Control(Master|Persist|Path)\b/i
/** What turns off the check of the hosts' keys. */
const UNCHECKED = /^(StrictHostKeyChecking\s+(no|off)|UserKnownHostsFile\s+\/dev\/null)$/i

/**
 * The stanzas for ~/.ssh/config that say what `ansible_ssh_common_args` and its like say: fmc asks ssh for its configuration.
 * `names`: what fmc and ssh call a host. Hosts with the same arguments share a stanza.
 */
export function sshStanzas(
  inventory: AnsibleInventory,
  winners: ReadonlyMap<string, Winners>,
  names: (host: string) => readonly string[],
): readonly string[] {
  const stanzas = new Map<string, string[]>()
  for (const [host, own] of winners) {
    const lines = SSH_ARGUMENTS.flatMap(name => {
      const variable = own.get(name)
      return variable === undefined ? [] : linesOf(inventory, name, variable)
    })
    if (lines.length === 0) continue
    const body = [...new Set(lines)].map(line => `    ${line}`).join('\n')
    stanzas.set(body, [...(stanzas.get(body) ?? []), ...names(host)])
  }
  return [...stanzas].map(([body, hosts]) => `Host ${[...new Set(hosts)].join(' ')}\n${body}`)
}

function linesOf(inventory: AnsibleInventory, name: string, variable: Variable): string[] {
  const say = (why: string): void => {
    inventory.remark(variable, name, why)
  }
  if (typeof variable.value !== 'string' || isTemplate(variable.value)) return []
  const value = variable.value.trim()
  if (value.includes('\n')) {
    say('several lines: write the stanza yourself')
    return []
  }
  const lines: string[] = []
  const words = shellWords(value.replaceAll('#', '\\#'), variable)
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const [, letter = '', rest = ''] = /^-(\w)(.*)$/s.exec(word) ?? []
    const argument = (): string => rest || (words[++at] ?? '')
    if (letter === 'o') {
      const [, key = '', text = ''] = /^\s*(\w+)\s*[=\s]\s*(.*)$/s.exec(argument()) ?? []
      lines.push(`${key} ${text}`)
    } else if (Object.hasOwn(KEYWORDS, letter))
      lines.push(`${KEYWORDS[letter] ?? ''} ${argument()}`)
    else if (Object.hasOwn(FLAGS, letter) && rest === '') lines.push(FLAGS[letter] ?? '')
    else say(`${letter ? `-${letter}` : 'a word'} has no counterpart in ssh_config(5)`)
  }
  return lines.filter(line => {
    if (isSecretValue(line) || /\bsshpass\b.*\s-p/.test(line)) {
      say('an option with a password is not shown: copy it into ~/.ssh/config yourself')
      return false
    }
    if (UNCHECKED.test(line))
      say(`not carried over: ${line} turns off the check of the hosts' keys`)
    return !UNCHECKED.test(line) && !MULTIPLEXING.test(line)
  })
}
