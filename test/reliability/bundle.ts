import { build } from 'esbuild'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Defect } from './planted.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * Makes one module of the harness and of lib/, and resolves with its path: a runner that is killed is a process of its own, and
 * must start fast. `defect` changes the text of lib/ on its way into the module; the working tree stays as it is.
 */
export async function bundle(defect?: Defect): Promise<string> {
  const output = join(
    ROOT,
    'node_modules/.cache/faults',
    `${defect?.name.replaceAll(/\W+/g, '-') ?? 'main'}-${process.pid}.mjs`,
  )
  mkdirSync(dirname(output), { recursive: true })
  const left = new Set(defect?.edits)
  await build({
    absWorkingDir: ROOT,
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile: output,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    plugins: [
      {
        name: 'where a module lies, and what is planted in it',
        setup(b) {
          b.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            let text = readFileSync(path, 'utf8')
            for (const edit of defect?.edits ?? []) {
              if (edit.file !== relative(ROOT, path)) continue
              if (text.split(edit.from).length !== 2)
                throw new Error(
                  `planted defect "${defect?.name}": ${edit.file} has ${text.split(edit.from).length - 1} times: ${edit.from}`,
                )
              text = text.replace(edit.from, () => edit.to)
              left.delete(edit)
            }
            return {
              loader: 'ts',
              contents: text
                .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
                .replaceAll('import.meta.filename', JSON.stringify(path))
                .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
            }
          })
        },
      },
    ],
  })
  if (left.size > 0)
    throw new Error(
      `planted defect "${defect?.name}": nothing of ${[...left].map(e => e.file).join(', ')} is in the bundle`,
    )
  return output
}
