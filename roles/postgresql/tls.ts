import { ask, asUser, resource, type Common, type PlannedChange } from '../../lib/index.ts'
import { pemCheck } from './check.ts'

interface Certificate extends Common {
  readonly path: string
  /** Names and addresses that clients may use; the first is the subject. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

const YEARS = 10

/** Key and certificate appear together, complete. Made by postgres itself: the directory is its own. */
function create(o: Certificate): string {
  const names = [...o.names.map(n => `DNS:${n}`), ...o.addresses.map(a => `IP:${a}`)].join(',')
  return asUser(
    'postgres',
    `umask 077
d=$(mktemp -d -- "$1.XXXXXX")
trap 'rm -rf -- "$d"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days ${YEARS * 365} -subj "$2" -addext "$3" -keyout "$d/pem" -out "$d/crt" 2>/dev/null
cat "$d/crt" >>"$d/pem"
sync -- "$d/pem"
mv -fT -- "$d/pem" "$1"`,
    o.path,
    `/CN=${o.names[0] ?? ''}`,
    `subjectAltName=${names}`,
  )
}

/** A self-signed certificate, made once and again when postgres cannot read it, it is broken or has less than 30 days left. */
export const certificate = resource({
  name: (o: Certificate) => `certificate ${o.path}`,
  needs: o => ({
    self: ask('path', o.path),
    sound: ask(
      'command',
      asUser(
        'postgres',
        `${pemCheck('"$1"')} && openssl x509 -noout -checkend 2592000 -in "$1"`,
        o.path,
      ),
      { code: 1, stdout: '', stderr: '' },
    ),
  }),
  plan(o, { self, sound }): PlannedChange[] {
    const factsAfter = [
      [ask('path', o.path), { type: 'file', mode: '0600', owner: 'postgres', group: 'postgres' }],
    ] as const
    if (self === null) return [{ what: 'create', script: create(o), factsAfter }]
    if (sound.code !== 0 || self.owner !== 'postgres')
      return [
        {
          what: 'create again: it is broken, not postgres’s own or about to expire',
          script: create(o),
          factsAfter,
        },
      ]
    if (self.mode === '0600' && self.group === 'postgres') return []
    return [
      {
        what: 'group postgres, mode 0600',
        script: asUser('postgres', 'chgrp -h postgres -- "$1"; chmod 0600 -- "$1"', o.path),
        factsAfter,
      },
    ]
  },
})
