import { createHash, createHmac } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { DEFAULTS } from './algorithms.ts'

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHost {
  readonly marker: '@revoked' | '@cert-authority' | undefined
  readonly hosts: string
  readonly type: string
  readonly key: Buffer
  /** file:line */
  readonly where: string
}

export type Verdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked'; readonly where: string }
  | { readonly kind: 'changed'; readonly known: readonly KnownHost[] }

/** Blanks and tabs separate fields, nothing else that JavaScript takes for white space (a byte order mark, say). */
const LINE =
  /^[ \t]*(?:(@\S+)[ \t]+)?([^\s#]\S*)[ \t]+([a-z][\w@.-]*)[ \t]+([A-Za-z0-9+/]+=*)(?:\s|$)/

/** Parses a known_hosts file; like ssh, skips lines that are not entries. */
export const parseKnownHosts = (text: string, file: string): KnownHost[] =>
  text.split('\n').flatMap((line, i) => {
    const [, marker, hosts, type, key] = LINE.exec(line) ?? []
    if (!hosts || !type || !key) return []
    if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority') return []
    return [{ marker, hosts, type, key: Buffer.from(key, 'base64'), where: `${file}:${i + 1}` }]
  })

const read = async (path: string): Promise<KnownHost[]> =>
  parseKnownHosts(await readFile(path, 'utf8'), path)

const files = new Map<string, Promise<KnownHost[]>>()

const load = async (path: string): Promise<KnownHost[]> => {
  const { mtimeMs, size } = await stat(path)
  const version = `${path}:${mtimeMs}:${size}`
  const found = files.get(version) ?? read(path)
  files.set(version, found)
  return found
}

/** What the files had when they were last asked for together. */
const together = new Map<string, { readonly of: readonly KnownHost[][]; all: KnownHost[] }>()

/**
 * All entries of the files: the same array as long as no file has changed. Like ssh, takes a file that cannot be read (absent, a directory) as empty (openssh-portable,
 * hostfile.c, load_hostkeys). A file is parsed again only when it has changed.
 */
export const loadKnownHosts = async (paths: readonly string[]): Promise<readonly KnownHost[]> => {
  const of = await Promise.all(paths.map(path => load(path).catch(() => NONE)))
  const name = paths.join('\0')
  const known = together.get(name)
  if (known?.of.every((entries, i) => entries === of[i])) return known.all
  const all = of.flat()
  together.set(name, { of, all })
  return all
}

const NONE: KnownHost[] = []

/** The names under which ssh looks for a host's key. */
export interface KnownNames {
  /** HostKeyAlias as it is; without it the host, with the port unless that is 22. */
  readonly name: string
  /** The host without its port: a key that is known there counts when there is none under `name`. */
  readonly bare: string | undefined
}

/**
 * As ssh does it (openssh-portable, sshconnect.c, get_hostfile_hostname_ipaddr and check_host_key). `alias`: HostKeyAlias.
 *
 * @example
 * knownNames(undefined, 'web1', 2201) // { name: '[web1]:2201', bare: 'web1' }
 * knownNames('Web', '10.0.0.1', 2201) // { name: 'web', bare: undefined }
 */
export const knownNames = (alias: string | undefined, host: string, port: number): KnownNames =>
  alias === undefined
    ? { name: knownName(host, port), bare: port === 22 ? undefined : host.toLowerCase() }
    : { name: alias.toLowerCase(), bare: undefined }

/** Compares the key that a host has shown with the entries of all files. */
export const judgeHost = (
  entries: readonly KnownHost[],
  { name, bare }: KnownNames,
  key: Buffer,
): Verdict => {
  const verdict = judge(knownFor(entries, name), key)
  if (verdict.kind !== 'unknown' || bare === undefined) return verdict
  const second = judge(knownFor(entries, bare), key)
  return second.kind === 'known' ? second : verdict
}

/** The first entry that trusts a certificate authority for this host. */
export const authorityFor = (
  entries: readonly KnownHost[],
  { name, bare }: KnownNames,
): KnownHost | undefined =>
  [name, ...(bare === undefined ? [] : [bare])]
    .flatMap(n => knownFor(entries, n))
    .find(e => e.marker === '@cert-authority')

/** A host's name in known_hosts: bare on port 22, else `[host]:port`. */
export const knownName = (host: string, port: number): string => {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/** Matches `*` and `?` (ssh_config(5), PATTERNS) in time |pattern| × |name|, however many stars there are. */
export const globMatches = (pattern: string, name: string): boolean => {
  let [p, n, star, from] = [0, 0, -1, 0]
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++
      from = n
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++from
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

const matches = (hosts: string, name: string): boolean => {
  // As most entries are: one plain name.
  if (!/[*?!,|]/.test(hosts)) return hosts.toLowerCase() === name
  if (hosts.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = hosts.split('|')
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
  }
  const patterns = hosts.toLowerCase().split(',')
  const negated = patterns.some(p => p.startsWith('!') && globMatches(p.slice(1), name))
  return !negated && patterns.some(p => !p.startsWith('!') && globMatches(p, name))
}

const found = new WeakMap<readonly KnownHost[], Map<string, KnownHost[]>>()

/** The entries that match this name. Remembered, because each test of a hashed name costs an HMAC. */
export const knownFor = (entries: readonly KnownHost[], name: string): readonly KnownHost[] => {
  const known = found.get(entries) ?? new Map<string, KnownHost[]>()
  found.set(entries, known)
  const mine = known.get(name) ?? entries.filter(e => matches(e.hosts, name))
  known.set(name, mine)
  return mine
}

/** Compares the key that a host has shown with its entries. */
export const judge = (mine: readonly KnownHost[], key: Buffer): Verdict => {
  const revoked = mine.find(e => e.marker === '@revoked' && e.key.equals(key))
  if (revoked) return { kind: 'revoked', where: revoked.where }
  const known = mine.filter(e => e.marker === undefined)
  if (known.some(e => e.key.equals(key))) return { kind: 'known' }
  return known.length > 0 ? { kind: 'changed', known } : { kind: 'unknown' }
}

/**
 * The offered algorithms. Unless the best one's key type is known, those of known key types come first: otherwise a host known
 * only by its RSA key would show another key and look changed (openssh-portable, sshconnect2.c, order_hostkeyalgs).
 */
export const hostKeyOrder = (
  mine: readonly KnownHost[],
  offered: readonly string[] = DEFAULTS.serverHostKey,
): string[] => {
  const types = new Set(mine.filter(e => e.marker === undefined).map(e => e.type))
  const known = (a: string): boolean => types.has(a.startsWith('rsa-') ? 'ssh-rsa' : a)
  const [best = ''] = offered
  if (known(best)) return [...offered]
  return [...offered.filter(known), ...offered.filter(a => !known(a))]
}

/** As `ssh-keygen -l` prints it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** The type a public key blob names in its first field (RFC 4253 §6.6); empty when the blob has none. */
export const keyType = (key: Buffer): string =>
  key.length < 4 ? '' : key.toString('latin1', 4, 4 + Math.min(key.readUInt32BE(0), 64))
