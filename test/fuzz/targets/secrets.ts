import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { lockKind, seal, unseal } from '../../../lib/secrets/age.ts'
import { emptyDocument, parseContents, withSecret } from '../../../lib/secrets/document.ts'
import { typed } from '../../../lib/secrets/prompt.ts'
import { redactor } from '../../../lib/secrets/redact.ts'
import { Secret } from '../../../lib/secrets/secret.ts'
import { quote } from '../../../lib/shell/quote.ts'
import { target, unlessRejected, type Target } from '../harness.ts'
import { mutants, nasty } from '../text.ts'

const IDENTITY = new Secret(
  'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQCE83Q3',
)
const PASSPHRASE = new Secret('correct horse')
const TEXT = 'recipients: []\nsecrets:\n  a: hunter2\n'

interface Files {
  readonly identity: Secret
  readonly recipient: string
  readonly byKey: string
  readonly byPassphrase: string
}
let files: Promise<Files> | undefined
/** Two sealed files, made once. */
const sealedFiles = (): Promise<Files> =>
  (files ??= (async () => {
    const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
    const identity = await generateX25519Identity()
    const recipient = await identityToRecipient(identity)
    return {
      identity: new Secret(identity),
      recipient,
      byKey: await seal(TEXT, { recipients: [recipient] }),
      byPassphrase: await seal(TEXT, { passphrase: PASSPHRASE, workFactor: 2 }),
    }
  })())

/** A stanza may ask for work that age itself allows: seconds, which prove nothing here. */
const asksForWork = (text: string): boolean => {
  const body = text.replace(/-----[^\n]*-----/g, '')
  const header = `${Buffer.from(body, 'base64').toString('latin1')}\n${text}`
  return /-> scrypt \S+ (1[2-9]|2[0-2])\n/.test(header)
}

/** A changed file is refused, is not for this key, or is the very text: never another one. */
async function opened(text: string, key: 'identity' | 'passphrase'): Promise<void> {
  if (asksForWork(text)) return
  const { identity } = await sealedFiles()
  const data = Buffer.from(text, 'latin1')
  await unlessRejected([UsageError], () => lockKind(data, 'secrets.age'))
  const plain = await unlessRejected([UsageError], () =>
    unseal(
      data,
      key === 'identity' ? { identities: [identity] } : { passphrase: PASSPHRASE },
      'secrets.age',
    ),
  )
  ok(plain === undefined || plain === null || plain === TEXT, 'a text that nobody sealed')
}

/** The header's lines, so that changes of it are as likely as changes of what it protects. */
const unarmored = (armored: string): string =>
  Buffer.from(armored.replace(/-----[^\n]*-----/g, ''), 'base64').toString('latin1')

const { byKey, byPassphrase, recipient, identity } = await sealedFiles()
const ageSamples = [byKey, byPassphrase, unarmored(byKey), unarmored(byPassphrase)]
const age = target(
  'secrets/age',
  fc.tuple(mutants(ageSamples), fc.constantFrom('identity' as const, 'passphrase' as const)),
  ([text, key]) => opened(text, key),
  { weight: 0.15, guided: { seeds: ageSamples, holds: text => opened(text, 'passphrase') } },
)

const sealed = target(
  'secrets/age-sealed',
  fc.tuple(nasty(), fc.boolean()),
  async ([text, byPass]) => {
    const locked = await seal(
      text,
      byPass ? { passphrase: PASSPHRASE, workFactor: 2 } : { recipients: [recipient] },
    )
    const key = byPass ? { passphrase: PASSPHRASE } : { identities: [identity] }
    const data = Buffer.from(locked)
    deepStrictEqual(await lockKind(data, 'f'), byPass ? 'passphrase' : 'recipients')
    deepStrictEqual(await unseal(data, key, 'f'), Buffer.from(text).toString())
    const wrong = byPass ? { passphrase: new Secret('wrong') } : { identities: [IDENTITY] }
    if (byPass) deepStrictEqual(await unseal(data, wrong, 'f'), null)
  },
  { weight: 0.05, examples: [['\ufeff', false]] },
)

const CANARY = 'c4n4ry-V4lue'
const DOCUMENTS = [
  `# c\nrecipients:\n  - age1x\nsecrets:\n  a: ${CANARY}\n  b-c.d: "${CANARY} # no comment"\n  e: |\n    ${CANARY}\n    more\n`,
  `secrets: {x: '${CANARY}', y: ${CANARY}}\n`,
  `secrets:\n  k: !tag ${CANARY}\n  l: &${CANARY} x\n  m: *${CANARY}\n`,
]

/** What is wrong with a decrypted text is told by place and key. */
const anyDocument = async (text: string): Promise<void> => {
  try {
    const { secrets } = await parseContents(text, 'secrets.age')
    for (const [name, value] of secrets) ok(/^[A-Za-z_][\w.-]*$/.test(name) && value !== '')
  } catch (error) {
    ok(error instanceof UsageError, error as Error)
    ok(/^secrets\.age:\d+:\d+: /.test(error.message), error.message)
    const said = `${error.message} ${error.hint ?? ''}`
    // A key is shown: a value that a change has made a key is one.
    if (DOCUMENTS.includes(text)) ok(!said.includes(CANARY), said)
  }
}
const document = target('secrets/document', mutants(DOCUMENTS), anyDocument, {
  weight: 0.5,
  guided: { seeds: DOCUMENTS, holds: anyDocument },
})

const kept = target(
  'secrets/document-set',
  fc.tuple(fc.constantFrom('a', 'b-c.d', '_x'), nasty()),
  async ([name, value]) => {
    const text = await unlessRejected([UsageError], () =>
      withSecret(emptyDocument(['age1x']), 'f', name, value),
    )
    if (text === undefined) return
    const { secrets } = await parseContents(text, 'f')
    deepStrictEqual([...secrets], [[name, value]])
  },
  { weight: 0.3 },
)

/** How tools write a secret (design, "Secrets cannot leak"), each written down here a second time. */
const WAYS: readonly ((s: string, before: string, after: string) => string)[] = [
  (s, a, b) => `${a}${s}${b}`,
  (s, a, b) => Buffer.from(`${a}${s}${b}`).toString('base64'),
  (s, a, b) => Buffer.from(`${a}${s}${b}`).toString('base64url'),
  (s, a, b) =>
    `${a}${(
      Buffer.from(s)
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    ).join('\n')}${b}`,
  (s, a, b) =>
    `${a}${(
      Buffer.from(s)
        .toString('base64')
        .match(/.{1,64}/g) ?? []
    ).join('\n')}${b}`,
  (s, a, b) => `${a}${encodeURIComponent(s)}${b}`,
  (s, a, b) => `${a}${new URLSearchParams([['', s]]).toString().slice(1)}${b}`,
  (s, a, b) => JSON.stringify(`${a}${s}${b}`),
  (s, a, b) => `${a}${quote(s)}${b}`,
  (s, a, b) => quote(`sh -c ${quote(`${a}${s}${b}`)}`),
  (s, a, b) => `${a}${s.replaceAll('\\', '\\\\')}${b}`,
  (s, a, b) =>
    s
      .split('\n')
      .map(line => `${a}  ${line}${b}`)
      .join('\n'),
]

/** Forms in which a secret is still readable: its text, or an encoding of it. */
const readings = (text: string): string[] => [
  text,
  text.replaceAll("'\\''", "'"),
  ...(text.match(/[\w+/-]{12,}/g) ?? []).flatMap(run =>
    [0, 1, 2, 3].map(n =>
      Buffer.from(run.slice(n).replaceAll('-', '+').replaceAll('_', '/'), 'base64').toString(
        'latin1',
      ),
    ),
  ),
]

const plainSecret = fc
  .array(
    fc.constantFrom(...'abcXYZ019 !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~é'.split(''), '\n', 'Zz9'),
    {
      minLength: 8,
      maxLength: 40,
    },
  )
  .map(all => all.join(''))
  .filter(s => s.split('\n').every(line => line.trim().length >= 8) && s.trim() === s)

const redaction = target(
  'secrets/redact',
  fc.tuple(
    fc.array(plainSecret, { minLength: 1, maxLength: 2 }),
    fc.nat(WAYS.length - 1),
    nasty(2),
    nasty(2),
  ),
  ([secrets, way, before, after]) => {
    const redact = redactor(secrets.map(s => new Secret(s)))
    const clean = (t: string): string => t.replaceAll('\0', '').replaceAll(/[\ud800-\udfff]/g, '')
    for (const s of secrets) {
      const shown = redact(WAYS[way]?.(s, clean(before), clean(after)) ?? '')
      const latin = Buffer.from(s).toString('latin1')
      for (const reading of readings(shown))
        ok(
          !reading.includes(s) && !reading.includes(latin),
          `the secret ${JSON.stringify(s)} is in ${JSON.stringify(shown)}`,
        )
    }
    // A text without any of them stays as it is.
    deepStrictEqual(redact('nothing to see'), 'nothing to see')
  },
  { weight: 0.5 },
)

/** Keys typed in one go or one by one: the same text. */
const prompts = target('secrets/prompt', fc.array(nasty(2), { maxLength: 4 }), pieces => {
  const whole = typed('', pieces.join(''))
  let state = typed('', '')
  for (const key of pieces.join('')) if (state.state === 'more') state = typed(state.text, key)
  deepStrictEqual(state, whole)
  if (whole.state === 'more') ok(!/[\r\n\u0003\u0004\u0015\u007f\b]/.test(whole.text))
})

export const secrets: readonly Target[] = [age, sealed, document, kept, redaction, prompts]
