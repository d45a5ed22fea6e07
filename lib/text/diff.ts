import { createRequire } from 'node:module'

/** Larger texts are compared by size only: their diff would take seconds and not be read. */
const LARGEST = 512 * 1024
/** Changed lines at which a comparison gives up: its time grows with their square. */
const MOST_EDITS = 2000

type DiffPackage = typeof import('diff')
let loaded: DiffPackage | undefined

/** Loaded at the first diff, since most runs need none. */
const diffPackage = (): DiffPackage =>
  (loaded ??= createRequire(import.meta.url)('diff') as DiffPackage)

type Content = string | Uint8Array | undefined

const decode = (content: Exclude<Content, undefined>): string | undefined => {
  if (typeof content === 'string') return content
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

const size = (content: Content): number =>
  content === undefined
    ? 0
    : typeof content === 'string'
      ? Buffer.byteLength(content)
      : content.length

/** Text to compare, or undefined for what is binary or too large to show. */
const comparable = (content: Content): string | undefined => {
  if (content === undefined) return ''
  if (size(content) > LARGEST) return undefined
  const text = decode(content)
  return text?.includes('\0') ? undefined : text
}

/**
 * A unified diff as `diff -u` prints it, '' when nothing differs; "\ No newline at end of file"
 * marks a missing last line end. `undefined` content is a file that does not exist (/dev/null).
 * Binary or huge content gives one line: "binary files differ (n → m bytes)".
 * Never give it the text of a Secret.
 */
export const unifiedDiff = (
  path: string,
  before: Content,
  after: Content,
  { context = 3 }: { readonly context?: number } = {},
): string => {
  const [old, next] = [comparable(before), comparable(after)]
  const sizes = `(${size(before)} → ${size(after)} bytes)`
  if (old === undefined || next === undefined) {
    const same =
      before !== undefined && after !== undefined && Buffer.from(before).equals(Buffer.from(after))
    return same ? '' : `binary files differ ${sizes}\n`
  }
  if (old === next && (before === undefined) === (after === undefined)) return ''
  const { structuredPatch, formatPatch, FILE_HEADERS_ONLY } = diffPackage()
  const patch = structuredPatch(
    before === undefined ? '/dev/null' : path,
    after === undefined ? '/dev/null' : path,
    old,
    next,
    undefined,
    undefined,
    { context, maxEditLength: old === '' || next === '' ? Infinity : MOST_EDITS },
  )
  return patch ? formatPatch(patch, FILE_HEADERS_ONLY) : `files differ too much to show ${sizes}\n`
}
