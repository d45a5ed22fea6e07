import { generateKeyPairSync, randomBytes } from 'node:crypto'

interface KeyPair {
  /** In OpenSSH's own format, the only one that every sshd reads for ed25519. */
  readonly private: string
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly public: string
}

const TYPE = 'ssh-ed25519'
const BLOCK = 8

const text = (bytes: Buffer | string): Buffer => {
  const body = Buffer.from(bytes as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Makes a new ed25519 key pair without a passphrase (openssh-portable, PROTOCOL.key). */
export function generateHostKey(comment: string): KeyPair {
  const pair = generateKeyPairSync('ed25519')
  const { d = '', x = '' } = pair.privateKey.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const blob = Buffer.concat([text(TYPE), text(point)])
  const check = randomBytes(4)
  const inner = [check, check, blob, text(Buffer.concat([seed, point])), text(comment)]
  const short = BLOCK - (inner.reduce((sum, b) => sum + b.length, 0) % BLOCK)
  const padding = Buffer.from(Array.from({ length: short % BLOCK }, (_, i) => i + 1))
  const one = Buffer.from([0, 0, 0, 1])
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[text('none'), text('none'), text(''), one],
    ...[text(blob), text(Buffer.concat([...inner, padding]))],
  ])
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? []
  return {
    private: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`,
    public: `${TYPE} ${blob.toString('base64')}`,
  }
}
