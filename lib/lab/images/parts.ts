import { existsSync, utimesSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { all } from '../exec.ts'
import { Progress, type Terminal } from '../progress.ts'
import { once } from './cached.ts'

/** A directory of the cache that the lab is made of, and how to make it. */
export interface Part {
  /** For people, after "making": `the image of Flatcar`. */
  readonly what: string
  /** Its place in the cache. */
  readonly path: string
  /** CPU time that making it took when it was measured, in seconds: its share of the progress. */
  readonly seconds: number
  /** What it is made from; not needed once it is there. */
  readonly after?: readonly Part[]
  /** The lab does without it where it cannot be made. */
  readonly optional?: true
  readonly make: (dir: string) => Promise<void>
}

/** These parts and what they are made from, as far as they are not in the cache, each once. */
export const missing = (
  wanted: readonly Part[],
  isThere: (path: string) => boolean = existsSync,
): Part[] => {
  const found = new Map<string, Part>()
  const look = (part: Part): void => {
    if (found.has(part.path) || isThere(part.path)) return
    part.after?.forEach(look)
    found.set(part.path, part)
  }
  wanted.forEach(look)
  return [...found.values()]
}

/**
 * Makes what is missing of these parts: all at once, each when what it is made from is there, and says how far it is.
 * Another process that makes the same part is waited for. Rejects with the first error once everything has ended.
 * Resolves with the errors of optional parts, by their place.
 */
export const makeParts = async (
  wanted: readonly Part[],
  log: (text: string) => void,
  terminal?: Terminal,
): Promise<ReadonlyMap<string, unknown>> => {
  const failed = new Map<string, unknown>()
  const now = new Date()
  for (const { path } of wanted) if (existsSync(path)) utimesSync(path, now, now)
  const todo = missing(wanted)
  if (todo.length === 0) return failed
  const progress = new Progress(todo, { log, terminal, processors: availableParallelism() })
  const running = new Map<string, Promise<void>>()
  const make = (part: Part): Promise<void> => {
    const known = running.get(part.path)
    if (known !== undefined) return known
    const work = makeOne(part)
    running.set(part.path, work)
    return work
  }
  const makeOne = async (part: Part): Promise<void> => {
    await all(todo.filter(p => part.after?.some(({ path }) => path === p.path)).map(make))
    progress.begin(part)
    try {
      await once(part.path, part.make)
    } catch (error) {
      if (part.optional !== true) throw error
      failed.set(part.path, error)
    }
    progress.end(part)
  }
  try {
    await all(todo.map(make))
  } finally {
    progress.close()
  }
  return failed
}
