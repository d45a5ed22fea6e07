import t from 'tap'
import { nearest, suggestion } from '../../lib/text/nearest.ts'

/** A known name is near if at most a third of the letters differ, or one; a swap of neighbours counts once. */
const NEAR: readonly [string, string, boolean][] = [
  ['', '', true],
  ['', 'abc', false],
  ['abc', '', false],
  ['abc', 'abc', true],
  ['abc', 'abd', true],
  ['abc', 'acb', true],
  ['kitten', 'sitting', false],
  ['memroy', 'memory', true],
]
for (const [a, b, near] of NEAR) t.equal(nearest(a, [b]), near ? b : undefined, `${a} → ${b}`)

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
