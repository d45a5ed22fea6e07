// The script of the role ddns, with files and programs of the test: how long it asks nobody after Cloudflare limited the rate.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { script } from '../../roles/ddns/script.ts'

const NOW = 1_000_000

void t.test('a wait that Cloudflare asked for', t => {
  const dir = t.testdir({
    config:
      '{"api":"http://192.0.2.1/v4","sources":["http://192.0.2.1/a","http://192.0.2.1/b"],"records":[{"name":"home.example.org","zone":"example.org"}]}',
    bin: {
      date: `#!/bin/sh\necho ${NOW}\n`,
      curl: `#!/bin/sh
for last; do :; done
case $last in */a | */b) printf 203.0.113.7 ;; *) while [ $# -gt 0 ]; do case $1 in -D) head=$2 ;; -o) : >"$2" ;; esac; shift; done
printf 'retry-after: 600\\r\\n' >"$head"; printf 429 ;; esac
`,
    },
    state: {},
    run: {},
  })
  for (const name of ['date', 'curl']) chmodSync(join(dir, 'bin', name), 0o755)
  const file = join(dir, 'state', 'not-before')
  const look = () => {
    const { stderr } = spawnSync('sh', ['-c', script, 'sh', join(dir, 'config')], {
      encoding: 'utf8',
      env: {
        PATH: `${dir}/bin:${process.env['PATH'] ?? ''}`,
        CREDENTIALS_DIRECTORY: dir,
        STATE_DIRECTORY: join(dir, 'state'),
        RUNTIME_DIRECTORY: join(dir, 'run'),
      },
    })
    return stderr
  }
  writeFileSync(join(dir, 'authorization'), 'x')
  const rows: [string, kept: string, asks: boolean][] = [
    ['it is not over', `${NOW - 10} ${NOW + 50}`, false],
    ['it is over', `${NOW - 100} ${NOW - 1}`, true],
    ['it begins in the future: the clock was an hour ahead', `${NOW + 3600} ${NOW + 4200}`, true],
    ['of an older version', String(NOW + 50), true],
    ['empty', '', true],
  ]
  for (const [title, kept, asks] of rows) {
    writeFileSync(file, `${kept}\n`)
    t.match(look(), asks ? /HTTP 429/ : /not asked again for 50 s/, title)
    if (asks) t.equal(readFileSync(file, 'utf8'), `${NOW} ${NOW + 600}\n`, title)
  }
  t.ok(existsSync(file))
  t.end()
})
