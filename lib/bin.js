#!/usr/bin/env node
// The launcher. In a checkout it rebuilds the bundle when a source is newer than it; an installed package has no sources.
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const completes = process.argv[2] === '__complete'

const lib = dirname(fileURLToPath(import.meta.url))
const bundle = join(lib, '../dist/fmc.js')

const newest = dir => {
  let time = 0
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    time = Math.max(
      time,
      entry.isDirectory() ? newest(path) : entry.name.endsWith('.ts') ? statSync(path).mtimeMs : 0,
    )
  }
  return time
}

const built = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0
const script = statSync(join(lib, '../scripts/build.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
if (built === 0 && script === 0) {
  // It was packed with --ignore-scripts.
  console.error(
    'fmc: this package was packed without its program (dist/)\n  in the checkout that it comes from: npm ci && npm run build && npm pack',
  )
  process.exit(1)
}
if (Math.max(newest(lib), script) > built) await (await import('../scripts/build.js')).build()
if (completes) {
  const { main } = await import('../dist/complete.js')
  await main(process.argv.slice(3))
} else {
  const { load, keepCompiled } = await import('../dist/start.js')
  const argv = process.argv.slice(2)
  process.exitCode = await load(argv[0] ?? '')
    .cli()
    .main(argv)
  keepCompiled()
}
// After Ctrl-C or SIGTERM, do not wait for connections that are still being made.
if ([130, 143].includes(process.exitCode)) process.exit()
