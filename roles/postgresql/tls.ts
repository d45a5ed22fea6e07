import { ask, quote, resource, type Common, type PlannedChange } from '../../lib/index.ts'
import { pemCheck } from './check.ts'

interface Certificate extends Common {
  readonly path: string
  /** Names and addresses that clients may use; the first is the subject. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

const YEARS = 10

/** Key and certificate appear together, complete. */
function create(o: Certificate): string {
  const word = quote(`${o.path}.fmc-new`)
  const names = [...o.names.map(n => `DNS:${n}`), ...o.addresses.map(a => `IP:${a}`)].join(',')
  return `umask 077; rm -f -- ${word} ${word}.crt
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days ${YEARS * 365} -subj ${quote(`/CN=${o.names[0] ?? ''}`)} -addext ${quote(`subjectAltName=${names}`)} -keyout ${word} -out ${word}.crt 2>/dev/null
cat ${word}.crt >>${word}; rm -f -- ${word}.crt; umask 022
chown postgres:postgres -- ${word}; sync -- ${word}; mv -fT -- ${word} ${quote(o.path)}`
}

/** A self-signed certificate, made once and again when it is broken or has less than 30 days left. */
export const certificate = resource({
  name: (o: Certificate) => `certificate ${o.path}`,
  needs: o => ({
    self: ask('path', o.path),
    sound: ask(
      'command',
      `${pemCheck(quote(o.path))} && openssl x509 -noout -checkend 2592000 -in ${quote(o.path)}`,
      { code: 1, stdout: '', stderr: '' },
    ),
  }),
  plan(o, { self, sound }): PlannedChange[] {
    const leaves = [
      [ask('path', o.path), { type: 'file', mode: '0600', owner: 'postgres', group: 'postgres' }],
    ] as const
    if (self === null) return [{ what: 'create', script: create(o), leaves }]
    if (sound.code !== 0)
      return [{ what: 'create again: it is broken or about to expire', script: create(o), leaves }]
    if (self.mode === '0600' && self.owner === 'postgres' && self.group === 'postgres') return []
    const word = quote(o.path)
    return [
      {
        what: 'owner postgres, mode 0600',
        script: `chown postgres:postgres -- ${word}; chmod 0600 -- ${word}`,
        leaves,
      },
    ]
  },
})
