import t from 'tap'
import { golang } from '../../lib/lab/doubles/golang.ts'
import { ROOT, run } from '../rig/lab.ts'

void t.test('the K3s double’s own tests', async t => {
  const { command, env } = await golang({ yes: true, log: text => t.comment(text) })
  const cwd = `${ROOT}/files/lab/doubles/k3s`
  // Flags as in the build, so that its cache serves.
  const test = await run([command, 'test', '-trimpath', '-buildvcs=false', './...'], {
    cwd,
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '' },
  })
  t.equal(test.code, 0, test.stdout + test.stderr)
  const { stdout } = await run([command.replace(/go$/, 'gofmt'), '-l', '.'], { cwd })
  t.equal(stdout, '', 'formatted')
})
