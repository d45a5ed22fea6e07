import ssh2 from 'ssh2'
import { tooShort } from './algorithms.ts'
import type { Route } from './config.ts'
import { triedFile } from './errors.ts'
import { identityFile, type IdentityFile } from './keys.ts'

/** The ways to log in, in order, and their names for an error. */
interface Logins {
  readonly methods: ssh2.AuthMethod[]
  readonly tried: readonly string[]
  readonly files: readonly IdentityFile[]
}

/** The identity files in their order, then the agent. fmc leaves encrypted keys to the agent: decrypting one costs 280 ms. */
export const loginsOf = async (route: Route): Promise<Logins> => {
  const username = route.target.user
  const methods: ssh2.AuthMethod[] = []
  const tried: string[] = []
  const files = await Promise.all(route.identityFiles.map(identityFile))
  const offered = new Set<string>()
  for (const file of files) {
    if (file.exposed !== undefined || (file.isPublic && !route.agent)) {
      tried.push(triedFile(file))
      continue
    }
    const key = file.text === undefined ? undefined : parsed(file.path, file.text)
    if (file.isPublic) continue // the agent has its private key, or nobody
    if (key === undefined) {
      if (route.target.identityFiles) tried.push(`${file.path} (cannot be read)`)
    } else if (!(key instanceof Error) && tooShort(key.getPublicSSH(), route.algorithms)) {
      tried.push(`${file.path} (an RSA key with fewer bits than ${route.algorithms.rsaBits})`)
    } else if (key instanceof Error) {
      const encrypted = /encrypted|passphrase/i.test(key.message)
      tried.push(`${file.path} (${encrypted ? 'encrypted: ssh-add it' : key.message})`)
    } else {
      methods.push({ type: 'publickey', username, key } as ssh2.PublicKeyAuthMethod)
      offered.add(key.getPublicSSH().toString('base64'))
      tried.push(file.path)
    }
  }
  if (route.agent) {
    const only = route.identitiesOnly ? publicBlobs(files) : undefined
    // A key is offered once: a server counts the attempts (sshd_config(5), MaxAuthTries).
    const wanted = (blob: Buffer): boolean =>
      !offered.has(blob.toString('base64')) &&
      (only?.has(blob.toString('base64')) ?? true) &&
      !tooShort(blob, route.algorithms)
    methods.push({
      type: 'agent',
      username,
      agent: new FilteredAgent(route.agent, wanted),
    } as ssh2.AgentAuthMethod)
    tried.push(`agent ${route.agent}`)
  }
  return { methods, tried, files }
}

const SHA1 = 'the server takes only SHA-1 signatures of RSA keys'

/** Would ssh2 sign with SHA-1? It does for a server that announces nothing better; ssh refuses to since 8.8. */
const isSha1 = (type: string, hash: string | undefined): boolean =>
  type === 'ssh-rsa' && (hash === undefined || hash === 'sha1')

const modern = (key: ssh2.ParsedKey): ssh2.ParsedKey => {
  const sign = key.sign.bind(key)
  return Object.assign(key, {
    sign: (data: Buffer | string, hash?: string) =>
      isSha1(key.type, hash) ? new Error(SHA1) : sign(data, hash),
  })
}

/** An agent that offers only some of its keys and, like ssh, refuses SHA-1 signatures. */
class FilteredAgent extends ssh2.OpenSSHAgent {
  readonly #wanted: (blob: Buffer) => boolean

  constructor(path: string, wanted: (blob: Buffer) => boolean) {
    super(path)
    this.#wanted = wanted
  }

  override getIdentities(callback: ssh2.IdentityCallback<ssh2.ParsedKey>): void {
    super.getIdentities((error, keys) => {
      callback(
        error,
        keys?.filter(k => 'getPublicSSH' in k && this.#wanted(k.getPublicSSH())),
      )
    })
  }

  override sign(
    key: ssh2.ParsedKey | Buffer | string,
    data: Buffer,
    options?: ssh2.SigningRequestOptions | ssh2.SignCallback,
    callback?: ssh2.SignCallback,
  ): boolean {
    const [asked, done] = typeof options === 'function' ? [{}, options] : [options ?? {}, callback]
    const old = typeof key === 'object' && 'type' in key && isSha1(key.type, asked.hash)
    if (!old) return super.sign(key, data, asked, done)
    done?.(new Error(SHA1))
    return false
  }
}

const publicBlobs = (files: readonly IdentityFile[]): ReadonlySet<string> =>
  new Set(files.flatMap(f => f.publicBlob ?? []))

const keys = new Map<string, ssh2.ParsedKey | Error>()

const first = (found: readonly ssh2.ParsedKey[]): ssh2.ParsedKey | Error =>
  found[0] ?? new Error('it contains no key')

const parsed = (path: string, text: string): ssh2.ParsedKey | Error => {
  const known = keys.get(path)
  if (known) return known
  const found: ssh2.ParsedKey | ssh2.ParsedKey[] | Error = ssh2.utils.parseKey(text)
  const one = found instanceof Error || !Array.isArray(found) ? found : first(found)
  const key = one instanceof Error ? one : modern(one)
  keys.set(path, key)
  return key
}
