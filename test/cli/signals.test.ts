import t from 'tap'
import { listenForSignals } from '../../lib/cli/signals.ts'

void t.test(
  'each of many hosts may listen: Node.js prints no warning among the output',
  async t => {
    const signals = listenForSignals()
    t.teardown(signals.off)
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    t.teardown(() => process.off('warning', note))
    for (const signal of [signals.stop, signals.kill, signals.term])
      for (let host = 0; host < 30; host++) signal.addEventListener('abort', () => undefined)
    await new Promise(setImmediate)
    t.same(warnings, [])
  },
)
