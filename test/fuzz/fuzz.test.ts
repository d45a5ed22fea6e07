import { randomInt } from 'node:crypto'
import t from 'tap'
import { fuzz, told } from './run.ts'

const CASES = 100_000

/** Every run has other inputs. Inputs that once failed are among the targets' examples. */
void t.test(`${CASES} cases`, async t => {
  const seed = process.env['FMC_FUZZ_SEED'] ?? String(randomInt(2 ** 31))
  t.comment(`seed ${seed}`)
  const run = await fuzz('--cases', String(CASES), '--seed', seed, '--json')
  const all = told(run)
  for (const { target, failure, replay, cases } of all)
    t.equal(
      failure?.error,
      undefined,
      failure ? `${target}: ${replay ?? ''}` : `${target}: ${cases} cases`,
    )
  const sum = all.reduce((n, { cases }) => n + cases, 0)
  t.ok(sum >= CASES || run.code !== 0, `${sum} cases`)
  if (run.code !== 0) t.comment(run.stderr.slice(0, 20_000))
  t.equal(run.signal, null, 'not ended from outside')
  t.equal(run.code, 0, 'exit code')
})
