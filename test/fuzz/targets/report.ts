import { deepStrictEqual, ok } from 'node:assert/strict'
import { applyPatch } from 'diff'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { parseArtifacts } from '../../../lib/artifacts/load.ts'
import { archOf, resolveArtifact } from '../../../lib/artifacts/resolve.ts'
import type { Event } from '../../../lib/engine/events.ts'
import { ndjson } from '../../../lib/report/contract.ts'
import { createJson } from '../../../lib/report/json.ts'
import { createPlain } from '../../../lib/report/plain.ts'
import { diffLines } from '../../../lib/report/diff-lines.ts'
import { unifiedDiff } from '../../../lib/text/diff.ts'
import { cleanBlock, cleanLine } from '../../../lib/text/sanitise.ts'
import { noColor } from '../../../lib/report/style.ts'
import { pad, truncate, width } from '../../../lib/report/width.ts'
import { target, unlessRefused, unlessRejected, type Target } from '../harness.ts'
import { mutants, nasty, word } from '../text.ts'

/** Controls, format characters (zero-width, bidi), line and paragraph separators: nothing a terminal obeys. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const WITHOUT_ENDS = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/u

const sanitise = target(
  'text/sanitise',
  nasty(8),
  text => {
    const line = cleanLine(text)
    ok(!OBEYED.test(line), `left in a line: ${JSON.stringify(line)}`)
    deepStrictEqual(cleanLine(line), line)
    const block = cleanBlock(text)
    ok(!WITHOUT_ENDS.test(block), `left in a block: ${JSON.stringify(block)}`)
    deepStrictEqual(cleanBlock(block), block)
  },
  {
    examples: [
      '\u200b',
      '\ufeff',
      '\u00ad',
      '\u061c\u200e\u200f',
      '\u{e0001}\u{e0041}',
      '\u2066\u202e',
    ],
  },
)

const ESCAPE = '\u001b[32m'
const widths = target(
  'report/width',
  fc.tuple(nasty(), fc.nat(40), fc.boolean()),
  ([text, room, colour]) => {
    const line = colour ? `${ESCAPE}${cleanLine(text)}\u001b[39m` : cleanLine(text)
    const cut = truncate(line, room)
    ok(width(cut) <= room || cut === line, `${width(cut)} cells for ${room}`)
    if (width(line) <= room) deepStrictEqual(cut, line)
    ok(width(pad(line, room)) >= Math.min(room, width(line)))
    if (/^[ -~]*$/.test(line)) deepStrictEqual(width(line), line.length)
  },
)

const status = fc.constantFrom('ok', 'changed', 'failed', 'skipped')
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(nasty(2), nasty(2), status, nasty(2)).map(([host, task, s, text]): Event => ({
    type: 'task',
    ...{ host, play: text, role: 'r', task, status: s, predicted: true, ms: 1 },
    ...{ changes: [{ what: text, diff: text }], note: text },
    ...(s === 'failed' && { failure: { message: text, output: text, hint: text } }),
  })),
  nasty(2).map((text): Event => ({ type: 'note', level: 'warning', text, host: text })),
  fc.tuple(nasty(2), word).map(([message, host]): Event => ({
    type: 'host',
    host,
    state: 'unreachable',
    failure: { message, hint: message },
  })),
)

/** One line, nothing that a terminal obeys, and the event again when it is parsed. */
const lines = target('report/ndjson', event, one => {
  const line = ndjson(one)
  ok(line.endsWith('\n') && !OBEYED.test(line.slice(0, -1)), `in a line: ${JSON.stringify(line)}`)
  deepStrictEqual(JSON.parse(line), JSON.parse(JSON.stringify(one)))
})

const VERSION: Event = { type: 'version', fmc: '0', contract: 1 }
const COUNTS = {
  ok: 0,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
}
const RECAP: Event = { type: 'recap', dryRun: false, seconds: 1, hosts: {}, exitCode: 0, ...COUNTS }

const sink = (): { stream: NodeJS.WritableStream; text: () => string } => {
  let all = ''
  const stream = {
    write(chunk: string, done?: () => void) {
      all += chunk
      if (done) queueMicrotask(done)
      return true
    },
    ...{ on: () => stream, once: () => stream, off: () => stream, removeListener: () => stream },
  }
  return { stream: stream as unknown as NodeJS.WritableStream, text: () => all }
}
const options = (stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream) => ({
  ...{ stdout, stderr, color: false, columns: 80, rows: 24, diff: true, verbose: true },
})

const stream = target(
  'report/json',
  fc.tuple(
    fc.array(event, { maxLength: 5 }),
    fc.array(event, { maxLength: 5 }),
    fc.array(event, { maxLength: 2 }),
  ),
  async ([early, later, late]) => {
    const [out, err] = [sink(), sink()]
    const report = createJson(options(out.stream, err.stream))
    for (const e of [...early, VERSION, ...later, RECAP, ...late]) report.on(e)
    await report.end()
    const told = out
      .text()
      .split('\n')
      .filter(l => l !== '')
      .map(l => (JSON.parse(l) as Event).type)
    deepStrictEqual([told[0], told.at(-1)], ['version', 'recap'])
    deepStrictEqual(told.length, early.length + later.length + 2)
    ok(!WITHOUT_ENDS.test(err.text()), JSON.stringify(err.text()))
  },
  { weight: 0.5 },
)

const plain = target(
  'report/plain',
  fc.array(event, { maxLength: 5 }),
  async events => {
    const [out, err] = [sink(), sink()]
    const report = await createPlain(options(out.stream, err.stream))
    for (const e of [VERSION, ...events, RECAP]) report.on(e)
    await report.end()
    ok(!WITHOUT_ENDS.test(out.text() + err.text()), JSON.stringify(out.text() + err.text()))
  },
  { weight: 0.5 },
)

const FILE = 'global\n  log x\n\nfrontend a\n  bind :80\n'
const diffs = target(
  'text/diff',
  fc.tuple(mutants([FILE, '']), mutants([FILE, ''])),
  ([before, after]) => {
    const patch = unifiedDiff('/etc/x', before, after)
    if (before === after) return deepStrictEqual(patch, '')
    ok(
      diffLines(patch, noColor).every(l => !OBEYED.test(l.replaceAll('\t', ''))),
      'a control',
    )
    if (patch.startsWith('files differ') || patch.startsWith('binary files')) return
    const done = applyPatch(before, patch, {
      autoConvertLineEndings: false,
    })
    deepStrictEqual(done, after)
  },
  { weight: 0.3 },
)

const ARTIFACTS = [
  `k3s:
  version: v1.36.3+k3s1
  format: binary
  url: {amd64: 'https://x.example/{version}/k3s', arm64: 'https://x.example/{version}/k3s-arm64'}
  sha256:
    amd64: ${'a'.repeat(64)}
    arm64: ${'b'.repeat(64)}
  releases:
    v1: {amd64: ${'c'.repeat(64)}}
tool:
  version: '1'
  format: tgz
  member: bin/tool
  url: &u {amd64: https://x.example/t.tgz}
  checksums: https://x.example/sums
`,
]
const artifacts = target(
  'artifacts/load',
  mutants(ARTIFACTS),
  async text => {
    const entries = await unlessRejected([UsageError], () => parseArtifacts(text, 'artifacts.yaml'))
    for (const [name, entry] of entries ?? []) {
      for (const sum of Object.values(entry.sha256)) ok(/^[0-9a-f]{64}$/.test(sum ?? ''))
      for (const url of Object.values(entry.url))
        deepStrictEqual(new URL(url ?? '').protocol, 'https:')
      const spec = unlessRefused([UsageError], () =>
        resolveArtifact(name, 'amd64', entries ?? new Map()),
      )
      if (spec)
        ok(spec.sha256 !== undefined && 'url' in spec.source && URL.canParse(spec.source.url))
    }
    unlessRefused([UsageError], () => archOf(text.slice(0, 10)))
  },
  {
    weight: 0.2,
    examples: [
      'a: *x\n',
      '? {a: b}\n: c\n',
      `a: &a [${'x,'.repeat(9)}]\n${Array.from('bcdefgh', (c, i) => `${c}: &${c} [${`*${'abcdefg'[i] ?? ''},`.repeat(9)}]\n`).join('')}`,
    ],
    guided: {
      seeds: ARTIFACTS,
      holds: text =>
        parseArtifacts(text, 'f').catch((e: unknown) => ok(e instanceof UsageError, e as Error)),
    },
  },
)

export const reports: readonly Target[] = [sanitise, widths, lines, stream, plain, diffs, artifacts]
