import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { labSecret } from '../../lib/lab/secrets.ts'

/** How a secret may stand somewhere: as it is, in base64 at each of the three offsets, in base64url, in hexadecimal. */
function forms(secret: string): string[] {
  const shifted = [0, 1, 2].map(n => {
    const text = Buffer.from('\0'.repeat(n) + secret).toString('base64')
    // The characters at both ends depend on what stands beside the secret.
    return text.slice(n === 0 ? 0 : n + 1, -4)
  })
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      ...shifted,
      Buffer.from(secret).toString('hex'),
    ]),
  ]
}

/** The secrets that an inventory names, with the values that a lab has made up for them. */
export class Canaries {
  readonly #forms: readonly (readonly [name: string, form: Buffer])[]

  constructor(inventory: string, labDir: string) {
    const names = [...readFileSync(inventory, 'utf8').matchAll(/!secret (\w+)/g)].map(
      m => m[1] ?? '',
    )
    this.#forms = [...new Set(names)].flatMap(name => {
      const value = labSecret(labDir, name)
      // Of a key in PEM one line of its body is enough to know it by.
      const words = value.includes('\n') ? [value.split('\n')[2] ?? ''] : forms(value)
      return words.map(w => [name, Buffer.from(w)] as const)
    })
  }

  get names(): readonly string[] {
    return [...new Set(this.#forms.map(([name]) => name))]
  }

  /** Names of the secrets that stand in this text, in any form. */
  in(text: Buffer): string[] {
    return [...new Set(this.#forms.flatMap(([name, form]) => (text.includes(form) ? [name] : [])))]
  }

  /** `path: name` for every regular file below a directory that holds one; those that nothing has touched since then are left out. */
  below(dir: string, since = new Date(0)): string[] {
    if (!existsSync(dir)) return []
    return readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
      const path = join(dir, entry.name)
      if (entry.isDirectory()) return this.below(path, since)
      try {
        if (!entry.isFile()) return []
        const { size, ctime } = lstatSync(path)
        if (size > 32 * 1024 * 1024 || ctime < since) return []
        return this.in(readFileSync(path)).map(name => `${path}: ${name}`)
      } catch {
        return [] // gone meanwhile, or a kernel's file that cannot be read
      }
    })
  }
}

/** What was seen in argv and environment of all processes of this machine and of the lab's, whose kernel it is. */
export interface Sighting {
  /** How often all processes were read. */
  readonly samples: number
  readonly processes: number
  readonly found: readonly string[]
}

/** Reads argv and environment of every process, again and again, until `stop`. */
export function watchProcesses(canaries: Canaries, everyMs = 100): { stop: () => Sighting } {
  const found = new Set<string>()
  const seen = new Set<string>()
  /** Of each file what stood there when it was last read: most processes never change it. */
  const last = new Map<string, Buffer>()
  let samples = 0
  const look = (): void => {
    samples++
    for (const pid of readdirSync('/proc').filter(n => /^\d+$/.test(n)))
      for (const what of ['cmdline', 'environ'])
        try {
          const path = `/proc/${pid}/${what}`
          const text = readFileSync(path)
          seen.add(pid)
          if (last.get(path)?.equals(text)) continue
          last.set(path, text)
          for (const name of canaries.in(text))
            found.add(`${what} of ${pid}: ${name}: ${text.toString().split('\0')[0] ?? ''}`)
        } catch {
          // It has ended meanwhile.
        }
  }
  const timer = setInterval(look, everyMs)
  return {
    stop() {
      clearInterval(timer)
      look()
      return { samples, processes: seen.size, found: [...found] }
    },
  }
}
