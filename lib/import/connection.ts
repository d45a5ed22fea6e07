import { parseIpv4 } from '../inventory/net.ts'
import type { RawSsh } from '../inventory/raw.ts'
import { isTemplate, TEMPLATE_REASON } from './values.ts'

/** What one of Ansible's own variables becomes: a part of `ssh:`, an address, nothing, or the reason why it is left out. */
export type Connection =
  | { readonly ssh: RawSsh }
  | { readonly address: string }
  | { readonly nothing: true }
  | { readonly why: string }

type Read = (value: unknown) => Connection

const NOTHING: Connection = { nothing: true }
const why = (text: string): Connection => ({ why: text })
const always =
  (text: string): Read =>
  () =>
    why(text)

const asText =
  (pattern: RegExp, expected: string, make: (text: string) => Connection): Read =>
  value =>
    typeof value === 'string' && pattern.test(value) ? make(value) : why(`expected ${expected}`)

export const SSH_ARGUMENTS = [
  'ansible_ssh_args',
  'ansible_ssh_common_args',
  'ansible_ssh_extra_args',
] as const
const SSH_CONFIG = 'write it into ~/.ssh/config, which fmc follows; what fmc can translate is below'
const NO_PASSWORD = 'not carried over: fmc logs in with keys'
const ASKED = 'not carried over: fmc asks for the sudo password (-K)'

const READ: Readonly<Record<string, Read>> = {
  ansible_host: asText(/^(\S+@)?\[?[\w.:-]+\]?$/, 'an address or a name', address => ({ address })),
  ansible_user: asText(/^[a-z_][a-z0-9_.-]*$/i, 'a user name', user => ({ ssh: { user } })),
  ansible_private_key_file: asText(/./, 'a path', text => ({ ssh: { identity_file: text } })),
  ansible_port: value => {
    const port = Number(value)
    return Number.isInteger(port) && port > 0 && port < 65_536
      ? { ssh: { port } }
      : why('expected a port')
  },
  ansible_become: value => {
    const sudo = truth(value)
    return sudo === undefined ? why('expected true or false') : { ssh: { sudo } }
  },
  ansible_become_method: value =>
    value === 'sudo' ? NOTHING : why('fmc becomes root through sudo only'),
  ansible_become_user: value => (value === 'root' ? NOTHING : why('fmc works as root only')),
  ansible_connection: value =>
    ['ssh', 'smart', 'paramiko', 'paramiko_ssh'].includes(String(value))
      ? NOTHING
      : why('fmc reaches every host by SSH, this machine too'),
  ansible_group_priority: () => NOTHING,
  ansible_become_password: always(ASKED),
  ansible_password: always(NO_PASSWORD),
  ansible_ssh_common_args: always(SSH_CONFIG),
  ansible_ssh_extra_args: always(SSH_CONFIG),
  ansible_ssh_args: always(SSH_CONFIG),
  ansible_python_interpreter: always('not needed: fmc runs no Python on hosts'),
}

const PASSWORDS = new Set(['ansible_become_password', 'ansible_password'])

/** Older names of the same variables, and those that only the ssh plugin reads. */
const ALIASES = new Map(
  Object.entries({
    ansible_ssh_host: 'ansible_host',
    ansible_ssh_user: 'ansible_user',
    ansible_ssh_port: 'ansible_port',
    ansible_ssh_private_key_file: 'ansible_private_key_file',
    ansible_ssh_pass: 'ansible_password',
    ansible_ssh_password: 'ansible_password',
    ansible_become_pass: 'ansible_become_password',
    ansible_sudo: 'ansible_become',
    ansible_sudo_pass: 'ansible_become_password',
  }),
)

export const canonical = (name: string): string => ALIASES.get(name) ?? name

/** Ansible's own variables, and in a tree of Kubespray `ip`: a host's own address where `ansible_host` is another one. */
export const isConnection = (name: string, value: unknown, kubespray: boolean): boolean =>
  name.startsWith('ansible_') || (kubespray && name === 'ip' && ownAddress(value) !== undefined)

export const ownAddress = (value: unknown): string | undefined =>
  typeof value === 'string' && parseIpv4(value) !== undefined ? value : undefined

/** What a variable becomes for which isConnection() is true, by its canonical name. */
export function connection(name: string, value: unknown): Connection {
  if (name === 'ip') return NOTHING
  const read = Object.hasOwn(READ, name) ? READ[name] : undefined
  // Even as a template: the advice must not be to write a password into the file.
  if (PASSWORDS.has(name) && read !== undefined) return read(value)
  if (isTemplate(value)) return why(TEMPLATE_REASON)
  return read?.(value) ?? why('fmc has no counterpart')
}

function truth(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (/^(yes|true|on|1)$/i.test(String(value))) return true
  return /^(no|false|off|0)$/i.test(String(value)) ? false : undefined
}
