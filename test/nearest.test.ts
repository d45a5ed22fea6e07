import t from 'tap'
import { distance, nearest, suggestion } from '../lib/nearest.ts'

const DISTANCES: readonly [string, string, number][] = [
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['abc', 'abc', 0],
  ['abc', 'abd', 1],
  ['abc', 'acb', 1],
  ['kitten', 'sitting', 3],
  ['memroy', 'memory', 1],
]
for (const [a, b, wanted] of DISTANCES) t.equal(distance(a, b), wanted, `${a} → ${b}`)

const KNOWN = ['memory', 'root_disk', 'vcpu', 'vm_on', 'os']
const NEAREST: readonly [string, string | undefined][] = [
  ['memroy', 'memory'],
  ['Memory', 'memory'],
  ['cpu', 'vcpu'],
  ['rootdisk', 'root_disk'],
  ['so', 'os'],
  ['colour', undefined],
  ['x', undefined],
]
for (const [name, wanted] of NEAREST) t.equal(nearest(name, KNOWN), wanted, name)

t.equal(suggestion('memroy', KNOWN), 'did you mean memory?')
t.equal(suggestion('colour', KNOWN), 'known: memory, root_disk, vcpu, vm_on, os')
t.equal(suggestion('colour', []), undefined)
t.match(
  suggestion(
    'q',
    Array.from({ length: 20 }, (_, n) => `name${n}`),
  ),
  /name11, …$/,
)
