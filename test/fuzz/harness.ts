import fc from 'fast-check'
import { beat, begin } from './watchdog.ts'

/** What one case may cost the processor, in ms. The inputs have at most some kilobytes: more is a loop that an attacker can make. */
export const BUDGET_MS = 500

/** One promise about one parser, held against any number of made-up inputs. */
export interface Target {
  /** area/what */
  readonly name: string
  /** Its part of all cases; 1 is usual, less where a case costs more. */
  readonly weight: number
  run(options: RunOptions): Promise<Outcome>
  /** For the coverage-guided loop: texts to begin with, and the promise for any text. */
  readonly guided: Guided | undefined
}

export interface Guided {
  readonly budgetMs?: number
  readonly seeds: readonly string[]
  readonly holds: (text: string) => unknown
}

export interface RunOptions {
  readonly seed: number
  readonly cases: number
  /** Of a failure that is to be seen again: only that case. */
  readonly path?: string | undefined
}

export interface Outcome {
  readonly cases: number
  readonly ms: number
  readonly failure?: Failure
}

export interface Failure {
  readonly seed: number
  readonly path: string
  /** The smallest input that was found to fail, printable. */
  readonly input: string
  readonly error: string
}

interface Options<T> {
  /** Inputs that have failed once: tried first in every run. */
  readonly examples?: readonly NoInfer<T>[]
  readonly weight?: number
  readonly guided?: Guided
  /** Where more than BUDGET_MS is promised. */
  readonly budgetMs?: number
}

/** A target from inputs and a promise; `holds` throws (or rejects) when the promise is broken. */
export function target<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  holds: (input: T) => unknown,
  { examples = [], weight = 1, guided, budgetMs = BUDGET_MS }: Options<T> = {},
): Target {
  return {
    name,
    weight,
    guided,
    async run({ seed, cases, path }) {
      const start = performance.now()
      begin(name, seed)
      answers = { taken: 0, refused: 0 }
      warnings.clear()
      const property = fc.asyncProperty(inputs, async input => {
        await held(holds, input, budgetMs)
      })
      const result = await fc.check(property, {
        seed,
        numRuns: cases,
        examples: examples.map((e): [T] => [e]),
        ...(path === undefined ? {} : { path, endOnFailure: true }),
      })
      const done = { cases: result.numRuns, ms: performance.now() - start }
      // A warning is told in the next turn.
      await new Promise(resolve => setImmediate(resolve))
      const [warning] = warnings
      if (!result.failed && warning !== undefined)
        return { ...done, failure: { seed, path: '', input: '', error: `a warning: ${warning}` } }
      if (!result.failed)
        return done.cases >= ENOUGH && answers.refused > 0 && answers.taken === 0
          ? { ...done, failure: { seed, path: '', input: '', error: 'every input was refused' } }
          : done
      const [input] = result.counterexample ?? []
      const error = result.errorInstance
      return {
        ...done,
        failure: {
          seed: result.seed,
          path: result.counterexamplePath ?? '',
          input: printable(fc.stringify(input)),
          error: printable(error instanceof Error ? stackOf(error) : String(error)),
        },
      }
    },
  }
}

/** After so many cases one was as the parser wants it, or the target's samples are out of date. */
const ENOUGH = 200
/** Warnings that libraries write to stderr by themselves; they quote the input. */
const warnings = new Set<string>()
process.on('warning', ({ name, message }) => {
  if (name !== 'ExperimentalWarning') warnings.add(printable(message))
})

let answers = { taken: 0, refused: 0 }

/** Checks the target's promise for one input, and that it ends in time and changes no prototype. */
export async function held<T>(
  holds: (input: T) => unknown,
  input: T,
  budgetMs = BUDGET_MS,
): Promise<void> {
  beat()
  const before = process.cpuUsage()
  const pending = holds(input)
  if (pending instanceof Promise) await pending
  const { user, system } = process.cpuUsage(before)
  const ms = (user + system) / 1000
  if (ms > budgetMs) throw new Error(`one case took ${Math.round(ms)} ms of the processor`)
  const added = PROTOTYPES.flatMap(([name, keys, prototype]) =>
    Reflect.ownKeys(prototype)
      .filter(key => !keys.has(key) && Reflect.deleteProperty(prototype, key))
      .map(key => `${name}.${String(key)}`),
  )
  if (added.length > 0) throw new Error(`${added.join(', ')} was made`)
}

/** With the keys that they have to begin with; whatever a case adds is taken away again. */
const PROTOTYPES = [
  ['Object.prototype', Object.prototype],
  ['Array.prototype', Array.prototype],
  ['String.prototype', String.prototype],
].map(([name, prototype]): [string, ReadonlySet<string | symbol>, object] => [
  name as string,
  new Set(Reflect.ownKeys(prototype as object)),
  prototype as object,
])

/** Without the harness's own frames. */
const stackOf = ({ stack, message }: Error): string =>
  (stack ?? message)
    .split('\n')
    .filter(line => !/^ +at .*(node_modules|test\/fuzz\/(harness|main)|node:internal)/.test(line))
    .join('\n')

/** ASCII, tabs and line ends; whatever else is spelled. */
export const printable = (text: string): string =>
  text.replace(/[^\n\t -~]/gu, c => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)

type ErrorClass = abstract new (...args: never[]) => Error

/** What `parse` gives; undefined when it refuses with an error of these classes. Any other error is the defect itself. */
export function unlessRefused<T>(classes: readonly ErrorClass[], parse: () => T): T | undefined {
  try {
    const taken = parse()
    answers.taken++
    return taken
  } catch (error) {
    refusal(classes, error)
    return undefined
  }
}

/** The same for an asynchronous target. */
export async function unlessRejected<T>(
  classes: readonly ErrorClass[],
  parse: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    const taken = await parse()
    answers.taken++
    return taken
  } catch (error) {
    refusal(classes, error)
    return undefined
  }
}

function refusal(classes: readonly ErrorClass[], error: unknown): void {
  if (!classes.some(c => error instanceof c)) throw error
  answers.refused++
  if ((error as Error).message.trim() === '') throw new Error('an error without a message')
}
