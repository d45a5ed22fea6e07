import t from 'tap'
import { count, elapsed } from '../../lib/report/words.ts'

const times: [number, string][] = [
  [0, '0.0 s'],
  [-5, '0.0 s'],
  [400, '0.4 s'],
  [9940, '9.9 s'],
  [9960, '10 s'],
  [12_300, '12 s'],
  [59_600, '1 min 0 s'],
  [184_000, '3 min 4 s'],
  [3_599_600, '1 h 0 min'],
  [7_500_000, '2 h 5 min'],
]
for (const [ms, wanted] of times) t.equal(elapsed(ms), wanted, `${ms} ms`)

t.equal(count(1, 'host'), '1 host')
t.equal(count(0, 'host'), '0 hosts')
