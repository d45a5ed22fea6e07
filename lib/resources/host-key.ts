import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../inventory/types.ts'
import { Secret } from '../secrets/secret.ts'
import { expand } from '../ssh/ask.ts'
import { generateHostKey } from '../ssh/host-key.ts'
import { knownFor, knownName, loadKnownHosts, parseKnownHosts } from '../ssh/known-hosts.ts'
import { localFile } from './local-file.ts'
import { newEachTime } from './new-each-time.ts'
import { scope } from './scope.ts'

/**
 * The SSH host key pair of a machine that is about to be created, made by `newHostKey`.
 *
 * @example
 * const authorized = ({ public: key }: HostKey): string => `${key}\n`
 */
export interface HostKey {
  /** In OpenSSH's format. fmc does not store it: put it into the machine's first-boot configuration. */
  readonly private: Secret
  /** `ssh-ed25519 AAAA…` */
  readonly public: string
}

const namesOf = (of: Host): readonly string[] =>
  [of.address, of.name].map(name => knownName(name, of.ssh.port))

/**
 * Makes a new ed25519 host key for a host that is about to be created. Its public part replaces the host's entries in fmc's
 * own known_hosts (beside the inventory) before the host exists, so that fmc never has to trust a key on first use.
 *
 * @throws TaskError when known_hosts cannot be written.
 *
 * @example
 * const vm = host()
 * const key = await newHostKey(vm)
 * await file(`/srv/seed/${vm.name}.key`, { content: key.private, mode: '0600' })
 */
export async function newHostKey(of: Host): Promise<HostKey> {
  const pair = generateHostKey(of.name)
  newEachTime(pair.private)
  newEachTime(pair.public)
  const line = `${namesOf(of).join(',')} ${pair.public}\n`
  await localFile(scope().settings.inventory.knownHostsFile, {
    mode: '0644',
    content: now =>
      (
        now ??
        '# Host keys of the machines that fmc has made; it writes them before they first boot.\n'
      )
        .split(/(?<=\n)/)
        .filter(text => !speaksOf(text, of))
        .join('')
        .replace(/[^\n]$/, '$&\n') + line,
  })
  return { private: new Secret(pair.private, `host key of ${of.name}`), public: pair.public }
}

/** Is this line of known_hosts about the host? */
const speaksOf = (line: string, of: Host): boolean =>
  namesOf(of).some(name => knownFor(parseKnownHosts(line, ''), name).length > 0)

/**
 * The host keys (`ssh-ed25519 AAAA…`) that fmc's own known_hosts, beside the inventory, has for a host. Empty: none.
 *
 * @example
 * const expected = await knownHostKeys(host())
 */
export async function knownHostKeys(of: Host): Promise<readonly string[]> {
  const entries = await loadKnownHosts([scope().settings.inventory.knownHostsFile])
  return knownFor(entries, knownName(of.address, of.ssh.port))
    .filter(e => e.marker === undefined)
    .map(e => `${e.type} ${e.key.toString('base64')}`)
}

/**
 * The public keys (a line each, `ssh-ed25519 AAAA… comment`) with which fmc on this machine would log in to a host: those of
 * the host's `ssh.identity_file`, else of ~/.ssh/id_*. It does not ask an agent. Never throws.
 *
 * @example
 * const authorizedKeys = `${(await loginKeys(host())).join('\n')}\n`
 */
export async function loginKeys(to: Host): Promise<readonly string[]> {
  const { identityFile, user, port } = to.ssh
  const args = ['-p', String(port), '-l', user, '--', to.address]
  const files = identityFile
    ? [(await expand(identityFile, args)) ?? identityFile]
    : ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(userInfo().homedir, '.ssh', name))
  const read = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
  // identity_file may be the public key itself, of a private key that an agent has.
  const texts = await Promise.all(files.map(f => read(f.endsWith('.pub') ? f : `${f}.pub`)))
  return texts.map(text => text.trim()).filter(text => text !== '')
}
