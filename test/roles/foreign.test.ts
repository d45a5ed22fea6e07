// What somebody else has set up under fmc's paths is not replaced. The questions run here, on files of the test.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../lib/index.ts'
import { foreignScript } from '../../roles/shared/foreign-files.ts'
import { foreignScript as vpnScript, refusedTakeover } from '../../roles/wireguard/foreign.ts'
import { newPrivateKey, publicKeyOf } from '../../roles/wireguard/keys.ts'

const run = (script: string, dir: string) =>
  spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: `${join(dir, 'bin')}:/usr/bin:/bin` },
  })

const FILES = {
  fmc: '# Managed by fmc, role haproxy-keepalived.\nglobal\n',
  packaged: 'sample of the package\n',
  edited: 'sample of the package\nfrontend mine\n',
  mine: 'global\n',
  empty: '',
  'a b': 'x\n',
}

void t.test('files that neither fmc nor a package has written', t => {
  const md5 = createHash('md5').update(FILES.packaged).digest('hex')
  const dir = t.testdir({ etc: FILES, bin: { 'dpkg-query': '', rpm: '' } })
  const at = (name: string) => join(dir, 'etc', name)
  const paths = [...Object.keys(FILES), 'missing'].map(at)
  const foreign = [at('edited'), at('mine'), at('a b')]
  const write = (name: string, text: string) => {
    t.equal(
      run(`cat >${dir}/bin/${name} <<'END'\n${text}\nEND\nchmod +x ${dir}/bin/${name}`, dir).status,
      0,
    )
  }
  write(
    'dpkg-query',
    `#!/bin/sh\nprintf '\\n %s\\n' '${at('packaged')} ${md5}' '${at('edited')} ${md5}'`,
  )
  const debian = run(foreignScript(paths), dir)
  t.strictSame(debian.stdout.trim().split('\n'), foreign, debian.stderr)

  write(
    'rpm',
    `#!/bin/sh
for last; do :; done
case "$1 $last" in *packaged | *edited) ;; *) echo 'not owned' >&2; exit 1 ;; esac
[ $1 != -Vf ] || echo '.......T.  c ${at('packaged')}
S.5....T.  c ${at('edited')}'`,
  )
  // A system without dpkg: the first name that `command -v` finds is the test's rpm.
  const el = run(foreignScript(paths).replaceAll('dpkg-query', 'no-such-program'), dir)
  t.strictSame(el.stdout.trim().split('\n'), foreign, el.stderr)
  write('dpkg-query', '#!/bin/sh\nexit 1')
  const both = run(foreignScript(paths), dir)
  t.strictSame(both.stdout.trim().split('\n'), foreign, 'EPEL has a dpkg that knows no package')
  t.equal(run(foreignScript([at('fmc'), at('missing')]), dir).status, 0)
  t.end()
})

void t.test('a WireGuard of somebody else keeps its key', t => {
  const [theirs, other] = [newPrivateKey('theirs'), newPrivateKey('other')]
  const conf = (first: string) =>
    `${first}[Interface]\nAddress = 10.8.0.1/24\n privatekey=${theirs.reveal()}\nListenPort = 51820\n`
  const keys = Object.fromEntries([theirs, other].map(k => [k.reveal(), publicKeyOf(k)]))
  const answer = (files: Readonly<Record<string, string>>): string => {
    const dir = t.testdir({
      etc: files,
      bin: {
        wg: `#!/bin/sh\nread -r k; case $k in ${Object.entries(keys)
          .map(([k, pub]) => `'${k}') echo '${pub}' ;;`)
          .join(' ')} *) exit 1 ;; esac\n`,
      },
    })
    chmodSync(join(dir, 'bin/wg'), 0o755)
    const ran = run(vpnScript('wg0').replaceAll('/etc/wireguard/', `${dir}/etc/`), dir)
    t.notMatch(ran.stdout, theirs.reveal())
    return ran.stdout
  }
  const refused = (files: Readonly<Record<string, string>>, own?: Secret) =>
    refusedTakeover({ host: 'gw', device: 'wg0' }, answer(files), own)
  t.equal(refused({}), undefined)
  t.equal(refused({ 'wg0.conf': conf('# Managed by fmc; the key\n') }), undefined)
  t.match(refused({ 'wg0.conf': conf('') }), {
    message: /\/etc\/wireguard\/wg0\.conf is somebody else's/,
    hint: /wireguard_peers.*fmc run gw -- "umask 077; sed .*>\/etc\/wireguard\/wg0\.key"/,
  })
  t.match(refused({ 'wg0.conf': conf(''), 'wg0.key': other.reveal() }), { message: /cut off/ })
  t.equal(
    refused({ 'wg0.conf': conf(''), 'wg0.key': theirs.reveal() }),
    undefined,
    'the key is kept',
  )
  t.equal(refused({ 'wg0.conf': conf('') }, theirs), undefined, 'as a secret')
  t.match(refused({ 'wg0.conf': conf(''), 'wg0.key': theirs.reveal() }, other), {
    message: /cut off/,
  })
  t.match(refused({ 'wg0.conf': '[Interface]\nPostUp = x\n' }), { message: /somebody else/ })
  t.end()
})
