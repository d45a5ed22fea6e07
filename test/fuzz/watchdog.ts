import { Worker } from 'node:worker_threads'

/** Written by the main thread, read by the watchdog's: cases so far, those of this run, its seed, and its target. */
const shared = new SharedArrayBuffer(12 + 256)
const numbers = new Int32Array(shared, 0, 3)
const label = new Uint8Array(shared, 12)

/** A run of a target begins. */
export function begin(name: string, seed: number): void {
  label.fill(0)
  label.set(Buffer.from(name).subarray(0, label.length))
  numbers[2] = seed
  numbers[1] = -1
}

/** A case begins. */
export function beat(): void {
  numbers[1]!++
  Atomics.add(numbers, 0, 1)
}

const WATCH = `const { workerData: { shared, ms } } = require('node:worker_threads')
const numbers = new Int32Array(shared, 0, 3)
const label = new Uint8Array(shared, 12)
let seen = -1
setInterval(() => {
  const now = Atomics.load(numbers, 0)
  if (now === seen) {
    const name = Buffer.from(label).toString().replace(/\\0+$/, '')
    require('node:fs').writeSync(2, 'fuzz: a case of ' + name + ' does not end, nor will it when it is seen again with\\nnpm run fuzz -- --target ' + name + ' --seed ' + numbers[2] + ' --path ' + numbers[1] + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }
  seen = now
}, ms)`

/**
 * A loop that never ends cannot be stopped from within: a second thread ends the process, and says how to see that case
 * again. A case that has not ended after `ms` never will.
 */
export function watch(ms: number): Worker {
  const worker = new Worker(WATCH, { eval: true, workerData: { shared, ms } })
  worker.unref()
  return worker
}
