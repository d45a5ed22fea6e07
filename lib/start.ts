/**
 * Starts fmc from dist/fmc.js, which is one script, together with what V8 has compiled of it in an earlier run: the code
 * cache of V8 (https://nodejs.org/docs/latest-v20.x/api/vm.html#scriptcreatecacheddata). Compiling fmc again would take
 * most of the time of a short command.
 *
 * A damaged code cache could do anything, so fmc reads one only from its own dist/ in a checkout or from its cache directory,
 * and only if nobody but the user could have written it. Without one fmc is slower, and otherwise the same.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { cachedDataVersionTag, getHeapCodeStatistics } from 'node:v8'
import { Script } from 'node:vm'
import { cacheDir, readCachedBytes, writeCached } from './cache-dir.ts'

/** SHA-256 of fmc.js in hex; the build defines it. */
declare const FMC_BUNDLE: string

/** What fmc.js exports: each loads one of the entries of the build (scripts/build.js). */
export interface Bundle {
  cli(): { main(argv: readonly string[]): Promise<number> }
  index(): Readonly<Record<string, unknown>>
  testing(): Readonly<Record<string, unknown>>
}

/** Commands that connect to hosts and plan use much the same code. They have a code cache of their own, because a larger one takes longer to read. */
const PLANNING = new Set(['apply', 'drift', 'plan', 'play', 'role'])

/** A code cache is made again when a run has needed this many times the code of the one that made it. */
const GROWTH = 1.15

/** After this many ms V8 may have dropped code that only the start needs. */
const LONGEST_MS = 20_000

/** Bytes after the code cache: how much bytecode there was in the run that made it, as a double, and the checksum. */
const TAIL = 8 + 32

let bundle: Bundle | undefined
let keep: (() => void) | undefined
let warm = false

/** The bundle, loaded once per process. `command`: the first word of the command line, if this is one. */
export function load(command?: string): Bundle {
  return (bundle ??= start(command))
}

/** Has V8 accepted a code cache for the bundle? */
export const isWarm = (): boolean => warm

/** Writes the code cache after a command, if there is none for it yet. Never throws. */
export function keepCompiled(): void {
  keep?.()
}

function start(command: string | undefined): Bundle {
  const file = join(import.meta.dirname, 'fmc.js')
  const url = new URL('fmc.js', import.meta.url).href
  const kind = PLANNING.has(command ?? '') ? 'plan' : 'other'
  const cache = cacheFile(kind)
  const known = cache === undefined ? undefined : readCodeCache(cache)
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: url,
    cachedData: known?.code,
  })
  warm = script.cachedDataRejected === false
  if (cache !== undefined && command !== undefined)
    keep = () => {
      const used = bytecode()
      const enough = warm && known && used < known.used * GROWTH
      if (!enough && performance.now() < LONGEST_MS)
        writeCached(cache, codeCache(script.createCachedData(), used))
    }
  const module = { exports: {} }
  const wrapper = script.runInThisContext() as (...parameters: unknown[]) => void
  wrapper.call(
    module.exports,
    module.exports,
    createRequire(url),
    module,
    file,
    dirname(file),
    url,
    (specifier: string) => import(specifier),
  )
  return module.exports as Bundle
}

const bytecode = (): number => getHeapCodeStatistics().bytecode_and_metadata_size

/** The tag depends on V8's version and flags and on the processor. */
function cacheFile(kind: string): string | undefined {
  const name = `${kind}-${cachedDataVersionTag().toString(16)}.code`
  const here = import.meta.dirname
  const inCheckout = existsSync(join(here, '../scripts/build.js'))
  if (inCheckout && statSync(here).uid === process.geteuid?.()) return join(here, name)
  try {
    const copy = createHash('sha256').update(here).digest('hex').slice(0, 12)
    return join(cacheDir(), 'code', `${copy}-${name}`)
  } catch {
    // Other users may write the cache; the code that loads roles reports it.
    return undefined
  }
}

function readCodeCache(file: string): { readonly code: Buffer; readonly used: number } | undefined {
  const bytes = readCachedBytes(file)
  if (bytes === undefined || bytes.length < TAIL) return undefined
  const end = bytes.length - TAIL
  if (!checksum(bytes.subarray(0, end + 8)).equals(bytes.subarray(end + 8))) return undefined
  return { code: bytes.subarray(0, end), used: bytes.readDoubleLE(end) }
}

function codeCache(code: Buffer, used: number): Buffer {
  const size = Buffer.alloc(8)
  size.writeDoubleLE(used)
  const content = Buffer.concat([code, size])
  return Buffer.concat([content, checksum(content)])
}

/** Also of the bundle, since V8 compares only the length of its source; and V8 does not notice damage. */
const checksum = (content: Buffer): Buffer =>
  createHash('sha256').update(FMC_BUNDLE).update(content).digest()
