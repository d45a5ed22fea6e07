import fc from 'fast-check'
import t from 'tap'
import { target } from './harness.ts'
import { fuzz, line, told } from './run.ts'
import { mutants } from './text.ts'

const PLANTED = {
  'planted/type-error': /TypeError: Cannot read properties of undefined/,
  'planted/lost-byte': /Expected values to be strictly deep-equal/,
  'planted/prototype': /Object\.prototype\.\w+ was made/,
}

void t.test(
  'defects that were planted are found, and the printed command sees them again',
  async t => {
    for (const [name, error] of Object.entries(PLANTED)) {
      const run = await fuzz('--target', name, '--cases', '20000', '--json')
      const [found] = told(run)
      t.equal(run.code, 1, name)
      t.match(found?.failure?.error, error, name)
      const again = await line(found?.replay ?? 'false')
      t.equal(again.code, 1, `${name}: ${found?.replay ?? ''}`)
      t.match(again.stdout, error, name)
      t.ok(again.stdout.includes(found?.failure?.input.split('\n')[0] ?? '?'), `${name}: its input`)
    }
  },
)

void t.test('a case that costs too much is a failure', async t => {
  const slow = target('slow', fc.nat(3), n => {
    const before = process.cpuUsage()
    while (n === 3 && process.cpuUsage(before).user < 1_500_000);
  })
  const { failure } = await slow.run({ seed: 1, cases: 100 })
  t.match(failure?.error, /one case took \d+ ms of the processor/)
  t.equal(failure?.input, '3')
})

void t.test('the same seed makes the same inputs, another one others', async t => {
  const inputs = async (seed: number): Promise<string[]> => {
    const seen: string[] = []
    await target('all', mutants(['a: b\n']), text => seen.push(text)).run({ seed, cases: 500 })
    return seen
  }
  t.same(await inputs(1), await inputs(1))
  t.notSame(await inputs(1), await inputs(2))
  t.ok(new Set(await inputs(1)).size > 200, 'and they differ from each other')
})

void t.test('a case that never ends is ended, and named', async t => {
  const run = await fuzz(
    '--target',
    'planted/hang',
    '--cases',
    '1000',
    '--seed',
    '3',
    '--hang',
    '2',
  )
  t.equal(run.signal, 'SIGKILL')
  t.match(run.stderr, /a case of planted\/hang does not end/)
  const again = await line(`${/^npm run fuzz.*$/m.exec(run.stderr)?.[0] ?? 'false'} --hang 2`)
  t.match(
    again.stderr,
    /a case of planted\/hang does not end/,
    'and does not when it is seen again',
  )
})

void t.test('guiding by branches finds what chance does not', async t => {
  const options = ['--target', 'planted/deep', '--seed', '1']
  const guided = await fuzz(...options, '--guided', '--cases', '2000000')
  t.equal(guided.code, 1, guided.stdout)
  const cases = /(\d+) cases/.exec(guided.stdout)?.[1] ?? ''
  const blind = await fuzz(...options, '--cases', cases)
  t.equal(blind.code, 0, blind.stdout)
  const [, replay = 'false'] = /^replay: (.*)$/m.exec(guided.stderr) ?? []
  const again = await line(replay)
  t.equal(again.code, 1, replay)
  t.match(again.stdout, /TypeError: found/)
})

void t.test('a wrong command line is an error', async t => {
  for (const args of [['--target', 'nothing'], ['--cases', 'x'], ['--odd']]) {
    const run = await fuzz(...args)
    t.equal(run.code, 1, args.join(' '))
    t.not(run.stderr, '')
  }
})
