import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { typed } from '../../lib/secrets/prompt.ts'

t.test('keys', t => {
  const table: readonly [before: string, keys: string, text: string, state: string][] = [
    ['', 'abc', 'abc', 'more'],
    ['ab', 'c\r', 'abc', 'done'],
    ['', 'abc\ndef', 'abc', 'done'],
    ['ab🔑', '\u007f\u007fx\n', 'ax', 'done'],
    ['abc', '\u0015x\r', 'x', 'done'],
    ['', '\b\bx\r', 'x', 'done'],
    ['abc', '\u0004', 'abc', 'done'],
    ['abc', 'd\u0003', '', 'interrupted'],
  ]
  for (const [before, keys, text, state] of table)
    t.same(typed(before, keys), { text, state }, JSON.stringify(keys))
  t.end()
})

const ask = [
  process.execPath,
  ...process.execArgv,
  fileURLToPath(new URL('fixtures/ask.ts', import.meta.url)),
]

/** Types `keys` at the question on a terminal of its own (script(1)); gives all that was on the screen. */
const screen = async (keys: string): Promise<string> => {
  const command = ask.map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', `${command} </dev/null`, '/dev/null'], { stdio: 'pipe' })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    if (!text.includes('Passphrase: ') && (text + piece).includes('Passphrase: '))
      child.stdin.write(keys)
    text += piece
  })
  await new Promise(resolve => child.once('close', resolve))
  return text
}

t.test('on a terminal: not echoed, although stdin is something else', async t => {
  t.same((await screen('hunter22\u007f3\r')).split(/\r?\n/), [
    'Passphrase: ',
    '{"answer":"hunter23"}',
    '',
  ])
})

t.test('Ctrl-C', async t => {
  t.match(await screen('hunter22\u0003'), /^Passphrase: \r?\n\{"error":"interrupted"\}/)
})

t.test('no terminal', async t => {
  const child = spawn('setsid', ['--wait', ...ask], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const piece of child.stdout) text += String(piece)
  t.match(text, 'there is no terminal to ask')
})
