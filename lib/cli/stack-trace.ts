import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * From now on stack traces name the TypeScript sources, of roles too. fmc reads a source map only when a stack trace is asked for;
 * Node's own --enable-source-maps reads those of all modules at every start.
 */
export function nameSourcesInStackTraces(): void {
  Error.prepareStackTrace = (error, sites) => {
    const what = String(error)
    const shown = what === ZX_ASKS ? String : sourceOf
    return [what, ...sites.map(site => `    at ${shown(site)}`)].join('\n')
  }
}

/** zx makes this error in every command, only for the place that calls it (Fail.getCallerLocation); fmc shows it nowhere. */
const ZX_ASKS = 'Error: zx error'

function sourceOf(site: NodeJS.CallSite): string {
  // V8's call sites have a toString of their own (v8.dev/docs/stack-trace-api).
  const shown = (site as { toString(): string }).toString()
  const url = site.getScriptNameOrSourceURL()
  const [line, column] = [site.getLineNumber(), site.getColumnNumber()]
  if (typeof url !== 'string' || line === null || column === null) return shown
  const entry = mapOf(url)?.findEntry(line - 1, column - 1)
  if (!entry || !('originalSource' in entry)) return shown
  const { originalLine, originalColumn } = entry
  // A package has no source in the map (scripts/source-map.js), which Node's types do not know.
  const originalSource = entry.originalSource as string | undefined
  if (originalSource === undefined) return shown
  const file = originalSource.startsWith('file:') ? fileURLToPath(originalSource) : originalSource
  return shown.replace(
    `${url}:${line}:${column}`,
    () => `${file}:${originalLine + 1}:${originalColumn + 1}`,
  )
}

const maps = new Map<string, SourceMap | undefined>()

/** The source map of a module, by its file: URL. A damaged one is none. */
function mapOf(url: string): SourceMap | undefined {
  if (!url.startsWith('file:')) return undefined
  if (!maps.has(url)) {
    try {
      maps.set(url, readMap(fileURLToPath(url)))
    } catch {
      maps.set(url, undefined)
    }
  }
  return maps.get(url)
}

function readMap(file: string): SourceMap | undefined {
  const where = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(file, 'utf8'))?.[1]
  if (where === undefined) return undefined
  const inline = /^data:application\/json;base64,(.*)$/.exec(where)?.[1]
  const path = join(dirname(file), where)
  const text =
    inline === undefined
      ? readFileSync(path, 'utf8')
      : Buffer.from(inline, 'base64').toString('utf8')
  const map = JSON.parse(text) as SourceMapPayload
  const sources = map.sources.map(source =>
    source.includes(':') ? source : join(dirname(path), source),
  )
  return new SourceMap({ ...map, sources })
}
