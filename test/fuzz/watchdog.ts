import { Worker } from 'node:worker_threads'

/** Written by the main thread, read by the watchdog's: cases so far, and the name of the target. */
const shared = new SharedArrayBuffer(4 + 256)
const count = new Int32Array(shared, 0, 1)
const label = new Uint8Array(shared, 4)
let current = ''

/** A case of this target begins. */
export function beat(name: string): void {
  if (name !== current) {
    current = name
    label.fill(0)
    label.set(Buffer.from(name).subarray(0, label.length))
  }
  Atomics.add(count, 0, 1)
}

const WATCH = `const { workerData: { shared, ms, what } } = require('node:worker_threads')
const count = new Int32Array(shared, 0, 1)
const label = new Uint8Array(shared, 4)
let seen = -1
setInterval(() => {
  const now = Atomics.load(count, 0)
  if (now === seen) {
    const name = Buffer.from(label).toString().replace(/\\0+$/, '')
    require('node:fs').writeSync(2, 'fuzz: a case of ' + name + ' does not end, nor would it: replay with ' + what + ' --target ' + name + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }
  seen = now
}, ms)`

/**
 * A loop that never ends cannot be stopped from within: a second thread ends the process, and says which target it was. A case that has
 * not ended after `ms` never will. `replay` is the command that does the same again.
 */
export function watch(replay: string, ms: number): Worker {
  const worker = new Worker(WATCH, { eval: true, workerData: { shared, ms, what: replay } })
  worker.unref()
  return worker
}
