import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'

/** The key with which fmc logs in to a lab's hosts; made once per lab. */
export const clientKey = async (dir: string): Promise<string> => {
  const file = join(dir, 'keys', 'id_ed25519')
  await generate(file, 'fmc-lab')
  return file
}

/** A host's key; made once per lab and host. The machine gets a copy before it boots. */
export const hostKey = async (dir: string, host: string): Promise<string> => {
  const file = join(dir, 'keys', `host-${host}`)
  await generate(file, host)
  return file
}

const generate = async (file: string, comment: string): Promise<void> => {
  if (existsSync(`${file}.pub`)) return
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  await exec(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
}

/** known_hosts of all hosts by name and address, written before any of them boots. */
export const writeKnownHosts = (
  dir: string,
  hosts: readonly { readonly name: string; readonly address: string }[],
): string => {
  const file = join(dir, 'known_hosts')
  const lines = hosts.map(({ name, address }) => {
    const [type = '', key = ''] = readFileSync(join(dir, 'keys', `host-${name}.pub`), 'utf8').split(
      ' ',
    )
    return `${name},${address} ${type} ${key}\n`
  })
  writeFileSync(file, lines.join(''))
  return file
}

/** Puts the host's key and fmc's public key into a machine's file tree. */
export const installKeys = (dir: string, host: string, root: string): void => {
  const ssh = join(root, 'etc', 'ssh')
  mkdirSync(ssh, { recursive: true })
  const key = join(ssh, 'ssh_host_ed25519_key')
  copyFileSync(join(dir, 'keys', `host-${host}`), key)
  copyFileSync(join(dir, 'keys', `host-${host}.pub`), `${key}.pub`)
  chmodSync(key, 0o600)
  mkdirSync(join(root, 'root', '.ssh'), { recursive: true, mode: 0o700 })
  for (const path of ['root', 'root/.ssh']) chmodSync(join(root, path), 0o700)
  copyFileSync(join(dir, 'keys', 'id_ed25519.pub'), join(root, 'root', '.ssh', 'authorized_keys'))
}
