// Starts fmc from V8's code cache (vm.Script, cachedData): 160 of 420 ms of processor time for a run on one host.
// Node 22 has module.enableCompileCache() for this; Node 20 can only do it for one script, without import() in it.
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'

const sha = text => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** V8 itself refuses data of another version of V8; that the source is the same, it only knows by its length. */
function cacheFile(bundle) {
  const base =
    process.env.FMC_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fmc')
  const { mtimeMs, size } = statSync(bundle)
  return {
    dir: join(base, 'code'),
    prefix: `${sha(bundle)}-`,
    name: `${sha(bundle)}-${sha(`${mtimeMs} ${size} ${process.version} ${process.arch}`)}`,
  }
}

function read(path) {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/** Saves what has been compiled in this process; a cache that cannot be written only costs time. */
function save(script, { dir, prefix, name }) {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const candidate = join(dir, `new.${process.pid}`)
    writeFileSync(candidate, script.createCachedData(), { mode: 0o600 })
    for (const old of readdirSync(dir))
      if (old.startsWith(prefix)) rmSync(join(dir, old), { force: true })
    renameSync(candidate, join(dir, name))
  } catch {
    // A read-only home: the next run compiles again.
  }
}

/** Runs fmc out of one script; resolves with the exit code. */
export async function cachedMain(bundle, args) {
  const cache = cacheFile(bundle)
  const cachedData = read(join(cache.dir, cache.name))
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, 'latin1')}\n})`
  const script = new Script(source, { filename: bundle, cachedData })
  const module = { exports: {} }
  script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, dirname(bundle))
  const { main, library, startUp } = module.exports
  globalThis[Symbol.for('fmc.library')] = library
  startUp.importFile = url => import(url)
  const code = await main(args)
  // Only after a whole run: then the data holds the functions that a run needs.
  if (startUp.ran && (cachedData === undefined || script.cachedDataRejected)) save(script, cache)
  return code
}
