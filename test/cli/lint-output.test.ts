// The formats of fmc lint that other programs read: SARIF 2.1.0 and GitHub's workflow commands.
import t from 'tap'
import { formatProblems } from '../../lib/cli/lint/output.ts'
import type { Problem } from '../../lib/inventory/problem.ts'

const OUTPUT = { file: 'my cloud.yaml', version: '1.2.3', cwd: '/srv/my cloud' }

const CLASH: Problem = {
  severity: 'error',
  rule: 'address',
  file: 'my cloud.yaml',
  line: 7,
  column: 3,
  message: '100%: a, b\nc',
  hint: 'write 10.0.0.2',
  related: { file: '/srv/my cloud/other.yaml', line: 4, column: 5, message: 'the first one' },
}
const WITHOUT_PLACE: Problem = {
  severity: 'warning',
  file: '-e',
  line: 0,
  column: 0,
  message: 'not placed',
}

void t.test('GitHub: properties and text are escaped; a problem without a place has none', t => {
  const lines = formatProblems('github', [CLASH, WITHOUT_PLACE], OUTPUT).split('\n')
  t.same(lines, [
    '::error file=my cloud.yaml,line=7,col=3,title=fmc lint%3A address::100%25: a, b%0Ac%0Awrite 10.0.0.2%0A/srv/my cloud/other.yaml:4: the first one',
    '::warning title=fmc lint::not placed',
    'my cloud.yaml: 1 error, 1 warning',
  ])
  t.end()
})

interface Sarif {
  readonly version: string
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }
    readonly originalUriBaseIds: unknown
    readonly results: readonly {
      readonly ruleId: string
      readonly ruleIndex: number
      readonly locations?: unknown
    }[]
  }[]
}

void t.test(
  'SARIF: places are relative to the directory, and each result has a declared rule',
  t => {
    const log = JSON.parse(formatProblems('sarif', [CLASH, WITHOUT_PLACE], OUTPUT)) as Sarif
    t.equal(log.version, '2.1.0')
    const [run] = log.runs
    t.ok(run)
    if (!run) throw new Error('the log has no run')
    t.same(run.originalUriBaseIds, { SRCROOT: { uri: 'file:///srv/my%20cloud/' } })
    for (const { ruleId, ruleIndex } of run.results)
      t.equal(run.tool.driver.rules[ruleIndex]?.id, ruleId, `${ruleId} is a rule of the tool`)
    t.match(run.results[0], {
      level: 'error',
      message: { text: '100%: a, b\nc\nwrite 10.0.0.2' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'my%20cloud.yaml', uriBaseId: 'SRCROOT' },
            region: { startLine: 7, startColumn: 3 },
          },
        },
      ],
      relatedLocations: [
        {
          physicalLocation: { artifactLocation: { uri: 'other.yaml' }, region: { startLine: 4 } },
          message: { text: 'the first one' },
        },
      ],
    })
    t.notOk(run.results[1]?.locations, 'none for a problem without a place')
    t.end()
  },
)
