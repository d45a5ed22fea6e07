import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../inventory/types.ts'
import { Secret } from '../secrets/secret.ts'
import { generateHostKey } from '../ssh/host-key.ts'
import { knownFor, knownName, loadKnownHosts, parseKnownHosts } from '../ssh/known-hosts.ts'
import { localFile } from './local-file.ts'
import { scope } from './scope.ts'

/** SSH host key of a machine that is about to be made. */
export interface HostKey {
  /** In OpenSSH's form. fmc keeps it nowhere: it goes to the machine's first-boot configuration. */
  readonly private: Secret
  /** `ssh-ed25519 AAAA…` */
  readonly public: string
}

const namesOf = (of: Host): readonly string[] =>
  [of.address, of.name].map(name => knownName(name, of.ssh.port))

/**
 * A new host key for a host that is about to be made. Before it exists its public part replaces whatever fmc's own
 * known_hosts, beside the inventory, said of that host: nobody is ever trusted on first use.
 */
export async function newHostKey(of: Host): Promise<HostKey> {
  const pair = generateHostKey(of.name)
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

const speaksOf = (line: string, of: Host): boolean =>
  namesOf(of).some(name => knownFor(parseKnownHosts(line, ''), name).length > 0)

/** The keys, `ssh-ed25519 AAAA…`, that fmc's own known_hosts has for a host. */
export async function knownHostKeys(of: Host): Promise<readonly string[]> {
  const entries = await loadKnownHosts([scope().settings.inventory.knownHostsFile])
  return knownFor(entries, knownName(of.address, of.ssh.port))
    .filter(e => e.marker === undefined)
    .map(e => `${e.type} ${e.key.toString('base64')}`)
}

/** Public keys of the identities on this machine with which fmc would log in to a host; an agent's are not among them. */
export async function loginKeys(to: Host): Promise<readonly string[]> {
  const home = (path: string): string => path.replace(/^~(?=\/)/, userInfo().homedir)
  const files = to.ssh.identityFile
    ? [home(to.ssh.identityFile)]
    : ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(userInfo().homedir, '.ssh', name))
  const texts = await Promise.all(files.map(f => readFile(`${f}.pub`, 'utf8').catch(() => '')))
  return texts.map(text => text.trim()).filter(text => text !== '')
}
