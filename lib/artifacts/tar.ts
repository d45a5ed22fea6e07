import { posix } from 'node:path'
import { TaskError } from '../errors.ts'

/** One member of an archive that is safe to unpack. */
export interface Member {
  /** Relative, without `.`, `..` and trailing slash. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link'
  readonly executable: boolean
  readonly content: Buffer
  /** Target of a symbolic link: relative, and inside the archive. */
  readonly target: string
}

const BLOCK = 512

/** A field of a header: text up to the first NUL (POSIX pax, "ustar Interchange Format"). */
const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8')
}

const KINDS: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
  S: 'a sparse file',
}

/**
 * The members of a tar archive. Throws TaskError for an archive that is damaged, and for members that could reach outside of
 * the directory where it is unpacked: absolute paths, `..`, links that lead out, anything but files, directories and symbolic links.
 *
 * @param strip - leading path components to leave out; members with no more than these are left out
 */
export function readTar(bytes: Buffer, name: string, strip = 0): Member[] {
  const fail = (why: string): never => {
    throw new TaskError(`${name}: ${why}`)
  }
  const found = new Map<string, Member>()
  let long: { path?: string; target?: string; size?: number } = {}
  let at = 0
  for (;;) {
    const header = bytes.subarray(at, at + BLOCK)
    if (header.length < BLOCK) return fail('it is cut off, or is no tar archive')
    if (header.every(byte => byte === 0)) break
    const octal = (from: number, to: number): number => {
      const field = text(header.subarray(from, to)).trim()
      return /^[0-7]+$/.test(field) ? Number.parseInt(field, 8) : fail('it has a damaged header')
    }
    const sum = header.reduce((s, byte, i) => s + (i >= 148 && i < 156 ? 32 : byte), 0)
    if (octal(148, 156) !== sum) return fail('it is damaged, or is no tar archive')
    const type = String.fromCharCode(header[156] ?? 0)
    const size = long.size ?? octal(124, 136)
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size)
    if (content.length < size) return fail('it is cut off')
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    if (type === 'g') continue
    if (type === 'x') {
      long = { ...long, ...pax(content, fail) }
      continue
    }
    if (type === 'L' || type === 'K') {
      long = { ...long, [type === 'L' ? 'path' : 'target']: text(content) }
      continue
    }
    const ustar = header.subarray(257, 262).toString() === 'ustar'
    const prefix = ustar && header[262] === 0 ? text(header.subarray(345, 500)) : ''
    const raw = long.path ?? [prefix, text(header.subarray(0, 100))].filter(Boolean).join('/')
    const target = long.target ?? text(header.subarray(157, 257))
    long = {}
    if (raw.includes('\0') || raw.startsWith('/') || raw.split('/').includes('..'))
      return fail(`the member ${JSON.stringify(raw)} would be outside of the directory`)
    const path = raw
      .split('/')
      .filter(part => part !== '' && part !== '.')
      .slice(strip)
      .join('/')
    const kind = { '0': 'file', '\0': 'file', '7': 'file', '5': 'directory', '2': 'link' }[type] as
      Member['kind'] | undefined
    if (kind === undefined)
      return fail(`the member ${JSON.stringify(raw)} is ${KINDS[type] ?? 'of an unknown kind'}`)
    if (path === '') continue
    if (kind === 'link') {
      const to = posix.normalize(posix.join(posix.dirname(path), target))
      const outside = target.startsWith('/') || to === '..' || to.startsWith('../')
      if (target === '' || outside || turnsBack(target))
        return fail(`the link ${JSON.stringify(raw)} leads outside of the directory`)
    }
    if (found.has(path) && !(kind === 'directory' && found.get(path)?.kind === 'directory'))
      return fail(`it has two members ${JSON.stringify(path)}`)
    const executable = (octal(100, 108) & 0o100) !== 0
    const own = kind === 'file' ? content : Buffer.alloc(0)
    found.set(path, { path, kind, executable, content: own, target })
  }
  for (const { path } of found.values())
    for (let dir = posix.dirname(path); dir !== '.'; dir = posix.dirname(dir))
      if ((found.get(dir)?.kind ?? 'directory') !== 'directory')
        fail(`${JSON.stringify(path)} is below ${JSON.stringify(dir)}, which is no directory`)
  return [...found.values()]
}

/** Is there a `..` behind a name? The name may be a link itself, and then `..` is not where the text says. */
function turnsBack(target: string): boolean {
  const parts = target.split('/').filter(part => part !== '' && part !== '.')
  const name = parts.findIndex(part => part !== '..')
  return name >= 0 && parts.includes('..', name)
}

/** The records "LENGTH KEY=VALUE\n" of an extended header. */
function pax(
  bytes: Buffer,
  fail: (why: string) => never,
): { path?: string; target?: string; size?: number } {
  const found: { path?: string; target?: string; size?: number } = {}
  for (let at = 0; at < bytes.length;) {
    const length = Number.parseInt(bytes.subarray(at, at + 20).toString(), 10)
    const record = bytes.subarray(at, at + length)
    const [, key, value] = /^\d+ ([^=]+)=([^]*)\n$/.exec(record.toString('utf8')) ?? []
    if (!(length > 0) || record.length !== length || key === undefined || value === undefined)
      return fail('it has a damaged header')
    if (key === 'path') found.path = value
    if (key === 'linkpath') found.target = value
    if (key === 'size')
      found.size = /^\d{1,15}$/.test(value) ? Number(value) : fail('it has a damaged header')
    if (key.startsWith('GNU.sparse')) return fail('it has a sparse file')
    at += length
  }
  return found
}

/** The members that do not have this name at the top, nor lie below it. */
export const without = (name: string, members: readonly Member[]): Member[] =>
  members.filter(({ path }) => path !== name && !path.startsWith(`${name}/`))

/** A tar archive of these members, all of root, with the modes 0755 and 0644. */
export function writeTar(members: readonly Member[]): Buffer {
  const parts: Buffer[] = []
  const add = (path: string, type: string, mode: number, content: Buffer, target = ''): void => {
    const header = Buffer.alloc(BLOCK)
    const put = (value: string, from: number): void => void header.write(value, from, 'utf8')
    put(path, 0)
    put(mode.toString(8).padStart(7, '0'), 100)
    put('0000000', 108)
    put('0000000', 116)
    put(content.length.toString(8).padStart(11, '0'), 124)
    put('00000000000', 136)
    put(' '.repeat(8), 148)
    put(type, 156)
    put(target, 157)
    put('ustar\x0000', 257)
    const sum = header.reduce((s, byte) => s + byte, 0)
    put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    parts.push(header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK))
  }
  for (const { path, kind, executable, content, target } of members) {
    const long = [
      ...(Buffer.byteLength(path) > 99 ? [paxRecord('path', path)] : []),
      ...(Buffer.byteLength(target) > 99 && kind === 'link' ? [paxRecord('linkpath', target)] : []),
    ]
    if (long.length > 0) add('pax', 'x', 0o644, Buffer.from(long.join('')))
    const short = (name: string): string => (Buffer.byteLength(name) > 99 ? 'pax' : name)
    const type = { file: '0', directory: '5', link: '2' }[kind]
    const mode = kind === 'directory' || executable ? 0o755 : 0o644
    add(short(path), type, mode, content, kind === 'link' ? short(target) : '')
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (String(length).length !== String(rest).length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}
