import t from 'tap'
import { missing, type Part } from '../../lib/lab/images/parts.ts'
import { estimate, inWords, roughly, type Sofar } from '../../lib/lab/progress.ts'

const a = { what: 'a', seconds: 30 }
const b = { what: 'b', seconds: 60 }
const c = { what: 'c', seconds: 10 }
const sofar = (o: Partial<Sofar>): Sofar => ({
  ...{ done: [], running: [], waiting: [], now: 0, processors: 2 },
  ...o,
})

void t.test('the share that is done, and the time that is left', t => {
  for (const [title, o, share, left] of [
    ['nothing to do', {}, 1, 0],
    [
      'at the begin, two run: two processors',
      {
        running: [
          { ...a, since: 0 },
          { ...b, since: 0 },
        ],
        waiting: [c],
      },
      0,
      50,
    ],
    ['at the begin, one runs', { running: [{ ...a, since: 0 }], waiting: [b, c] }, 0, 100],
    ['half of one', { running: [{ ...a, since: 0 }], waiting: [b, c], now: 15 }, 0.15, 85],
    [
      'a slow machine: the pace so far',
      { done: [a], running: [{ ...b, since: 60 }], waiting: [c], now: 60 },
      0.3,
      140,
    ],
    [
      'what runs longer than it should is never done',
      { done: [a, c], running: [{ ...b, since: 0 }], now: 400 },
      0.94,
      (400 / 94) * 6,
    ],
    ['all is done', { done: [a, b, c], now: 70 }, 1, 0],
  ] as const) {
    const found = estimate(sofar(o))
    t.ok(Math.abs(found.share - share) < 1e-9, `${title}: ${found.share}`)
    t.ok(Math.abs(found.left - left) < 1e-6, `${title}: ${found.left} s`)
  }
  t.end()
})

void t.test('in words', t => {
  for (const [seconds, words] of [
    [0, '5 s'],
    [12, '15 s'],
    [89, '90 s'],
    [90, '2 min'],
    [200, '3 min'],
  ] as const)
    t.equal(roughly(seconds), words)
  const running = [{ ...b, since: 60 }]
  t.equal(
    inWords(sofar({ done: [a], running, waiting: [c], now: 60 })),
    '1 of 3 made, 30 %, about 2 min left: making b',
  )
  t.equal(inWords(sofar({ done: [a, b], now: 60 })), '2 of 2 made')
  t.end()
})

void t.test('what is missing: each once, before what is made from it', t => {
  const part = (what: string, ...after: Part[]): Part => ({
    ...{ what, path: what, seconds: 1, after },
    make: () => Promise.resolve(),
  })
  const base = part('base')
  const mirror = part('mirror', base)
  const rpms = part('rpms', mirror)
  const image = part('image', rpms, base)
  for (const [wanted, there, names] of [
    [[image], [], ['base', 'mirror', 'rpms', 'image']],
    [[image, mirror], [], ['base', 'mirror', 'rpms', 'image']],
    [[image], ['image'], []],
    [[image], ['rpms'], ['base', 'image']],
    [
      [image, mirror],
      ['rpms', 'image'],
      ['base', 'mirror'],
    ],
  ] as const)
    t.strictSame(
      missing(wanted, path => (there as readonly string[]).includes(path)).map(p => p.what),
      names,
    )
  t.end()
})
