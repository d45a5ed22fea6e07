import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../../lib/lab/exec.ts'
import { golang } from '../../lib/lab/doubles/golang.ts'
import { labCache } from '../../lib/lab/paths.ts'

const SOURCE = join(import.meta.dirname, 'host')

/** The program of the light hosts (host/main.go), built once for each version of its source. */
export async function hostProgram(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of readdirSync(SOURCE).toSorted()) hash.update(readFileSync(join(SOURCE, name)))
  const dir = labCache('faults')
  const path = join(dir, `host-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(path)) return path
  mkdirSync(dir, { recursive: true })
  const { command, env } = await golang({ yes: true, log: () => undefined })
  const part = `${path}.${process.pid}`
  await exec([command, 'build', '-C', SOURCE, '-trimpath', '-ldflags=-s', '-o', part, '.'], {
    env: { ...env, CGO_ENABLED: '0' },
  })
  renameSync(part, path)
  return path
}
