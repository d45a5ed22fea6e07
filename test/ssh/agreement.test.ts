import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { outcomes } from './outcomes.ts'
import { keygen, publicKey, startSshd, until, type Sshd } from './rig.ts'

void t.test('fmc connects and refuses where ssh does: keys, agents and known_hosts', async t => {
  const dir = t.testdir({ 'my keys': {}, certified: {} })
  const ca = keygen(join(dir, 'ca'))
  const sshd = await startSshd(dir, { config: `TrustedUserCAKeys ${ca}.pub` })
  t.teardown(() => sshd.stop())
  const certDir = join(dir, 'certified')
  const withCertificate = await startSshd(certDir, {
    config: `HostCertificate ${certDir}/host-cert.pub`,
    prepare: `ssh-keygen -q -s ${ca} -I test -h -n box,127.0.0.1 ${certDir}/host.pub`,
  })
  t.teardown(() => withCertificate.stop())
  const { port } = sshd
  const name = `[127.0.0.1]:${port}`
  const host = publicKey(join(dir, 'host'))
  const other = publicKey(keygen(join(dir, 'other')))
  const authority = publicKey(ca)
  const at = (file: string): string => join(dir, file)

  // Keys: one for each way to name it, one with a passphrase, one that only the agent has.
  for (const copy of [
    `root_127.0.0.1_${port}_key`,
    '127.0.0.1',
    '100%',
    'my keys/id',
    'name with blank',
  ])
    copyFileSync(sshd.key, at(copy))
  const locked = keygen(at('locked'))
  const lent = keygen(at('lent'))
  const certified = keygen(at('with-certificate'))
  execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'test', '-n', 'root', `${certified}.pub`], {
    stdio: 'ignore',
  })
  copyFileSync(at('with-certificate-cert.pub'), at('cert-127.0.0.1.pub'))
  rmSync(at('with-certificate-cert.pub'))
  writeFileSync(
    at('keys'),
    ['id', 'locked', 'lent'].map(k => readFileSync(at(`${k}.pub`))).join(''),
  )
  const agentDir = mkdtempSync(join(tmpdir(), 'fmc-test-')) // a socket's path has at most 107 bytes
  t.teardown(() => rmSync(agentDir, { recursive: true }))
  const socket = join(agentDir, '127.0.0.1')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  t.teardown(() => void agent.kill())
  const add = (key: string): void => {
    execFileSync('ssh-add', ['-q', key], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: 'ignore',
    })
  }
  await until(() => {
    try {
      add(lent)
      return true
    } catch {
      return false
    }
  })
  add(locked)
  add(keygen(at('useless')))
  rmSync(lent)
  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'geheim', '-f', locked])
  copyFileSync(locked, at('locked alone'))
  process.env['FMC_TEST_DIR'] = dir
  process.env['FMC_TEST_AGENT'] = agentDir
  process.env['FMC_TEST_SOCKET'] = socket
  delete process.env['SSH_AUTH_SOCK']
  t.teardown(() => {
    delete process.env['FMC_TEST_DIR']
    delete process.env['FMC_TEST_AGENT']
    delete process.env['FMC_TEST_SOCKET']
  })

  // Keys in other forms, and what a copy or an editor makes of a key.
  for (const form of ['PEM', 'PKCS8'] as const) {
    keygen(at(`rsa ${form}`), 'rsa', '-m', form)
    keygen(at(`ecdsa ${form}`), 'ecdsa', '-m', form)
  }
  const text = readFileSync(sshd.key, 'utf8')
  const forms: Readonly<Record<string, string>> = {
    'text before': `my key\n${text}`,
    'text after': `${text}\nmy key\n`,
    'blank line': `\n${text}`,
    'line ends of Windows': text.replaceAll('\n', '\r\n'),
    'no line end': text.trimEnd(),
    indented: text.replaceAll(/^/gm, ' '),
    empty: '',
    'with the .pub of another key': text,
  }
  for (const [form, content] of Object.entries(forms))
    writeFileSync(at(form), content, { mode: 0o600 })
  copyFileSync(at('other.pub'), at('with the .pub of another key.pub'))
  writeFileSync(
    at('keys'),
    readFileSync(at('keys'), 'utf8') +
      ['rsa PEM', 'rsa PKCS8', 'ecdsa PEM', 'ecdsa PKCS8']
        .map(k => readFileSync(at(`${k}.pub`), 'utf8'))
        .join(''),
  )

  const hashed = (text: string): string => {
    writeFileSync(at('hashing'), text)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', at('hashing')], { stdio: 'ignore' })
    return readFileSync(at('hashing'), 'utf8')
  }
  const key = `IdentityFile "${sshd.key}"`
  const pub = (file: string): string => `IdentityFile "${at(file)}.pub"`
  const only = 'IdentitiesOnly yes'
  const inAgent = `IdentityAgent ${socket}`
  const alias = 'HostKeyAlias Box'
  const trusted = `${name} ${host}`
  const [yes, no] = [true, false]

  // `known`: lines of known_hosts; `lines`: of ssh_config. Where a list has no IdentityFile it gets the right one.
  const rows: [wanted: boolean, known: string, ...lines: string[]][] = [
    [yes, trusted],
    [no, ''],
    // HostKeyAlias is looked up as it is, in lower case, and without the port.
    [yes, `box ${host}`, alias],
    [no, `[box]:${port} ${host}`, alias],
    [no, trusted, alias],
    [yes, hashed(`box ${host}\n`), alias],
    [no, hashed(`[box]:${port} ${host}\n`), alias],
    [no, `box ${other}`, alias],
    [no, `@revoked * ${host}\nbox ${host}`, alias],
    [no, `@revoked box ${host}\nbox ${host}`, alias],
    [yes, `@revoked ${name} ${host}\nbox ${host}`, alias],
    [yes, `box ${host}\n${name} ${other}`, alias, 'CheckHostIP yes'],
    [yes, `box ${host}`, alias, 'CheckHostIP yes'],
    [yes, `none ${host}`, 'HostKeyAlias none'],
    [yes, `b%h ${host}`, 'HostKeyAlias b%h'],
    // Without an alias: with the port, else without.
    [yes, `127.0.0.1 ${host}`],
    [yes, hashed(`127.0.0.1 ${host}\n`)],
    [no, `127.0.0.1 ${other}`],
    [no, `127.0.0.1 ${host}\n${name} ${other}`],
    [yes, `127.0.0.1 ${other}\n${name} ${host}`],
    [no, `@revoked 127.0.0.1 ${host}\n127.0.0.1 ${host}`],
    [yes, `@revoked 127.0.0.1 ${host}\n${name} ${host}`],
    [yes, '', 'NoHostAuthenticationForLocalhost yes'],
    [yes, `${name} ${other}`, 'NoHostAuthenticationForLocalhost yes'],
    [no, '', 'NoHostAuthenticationForLocalhost yes', alias],
    // Which files.
    [yes, '', `UserKnownHostsFile "${at('my keys/kh')}"`],
    [yes, '', `UserKnownHostsFile ${at('absent')} "${at('my keys/kh')}"`],
    [yes, '', `UserKnownHostsFile "${at('my keys/absent')}" ${at('kh')}`],
    [yes, '', `UserKnownHostsFile ${at('absent')} ${at('kh')}`],
    [yes, '', `UserKnownHostsFile ${dir}/kh_%h_%p`],
    [yes, '', 'UserKnownHostsFile ${FMC_TEST_DIR}/kh'],
    [no, '', 'UserKnownHostsFile none'],
    [no, trusted, 'UserKnownHostsFile ${FMC_TEST_ABSENT}/kh'],
    [yes, '', 'UserKnownHostsFile none', `GlobalKnownHostsFile ${at('kh')}`],
    [yes, '', `GlobalKnownHostsFile ${at('absent')} ${at('kh')}`],
    [yes, '', `GlobalKnownHostsFile "${at('my keys/kh')}"`],
    [no, '', `GlobalKnownHostsFile ${dir}/kh_%h_%p`],
    [yes, '', `GlobalKnownHostsFile ~root/..${at('kh')}`],
    [yes, '', `GlobalKnownHostsFile ~/..${at('kh')}`],
    [yes, '', `UserKnownHostsFile ${dir} ${at('kh')}`],
    [no, '', `UserKnownHostsFile ${dir} /dev/null/x`],
    [no, `\u{feff}${trusted}`],
    [yes, `\t${name}\t${host.replace(' ', '\t')}\tcomment\r`],
    [no, trusted, `RevokedHostKeys ${at('host.pub')}`],
    [yes, trusted, `RevokedHostKeys ${at('other.pub')}`],
    [yes, '', `KnownHostsCommand /usr/bin/echo %H ${host}`],
    // Identity files.
    [no, trusted, `IdentityFile ${at('other')}`],
    [no, trusted, 'IdentityFile none'],
    [yes, trusted, `IdentityFile ${at('other')}`, key],
    [yes, trusted, `IdentityFile "${at('my keys/id')}"`],
    [yes, trusted, `IdentityFile "${at('name with blank')}"`],
    [yes, trusted, `IdentityFile ${dir}/%r_%h_%p_key`],
    [yes, trusted, `IdentityFile ${dir}/%n`],
    [yes, trusted, `IdentityFile ${dir}/100%%`],
    [no, trusted, `IdentityFile ${dir}/100%`],
    [no, trusted, `IdentityFile ${dir}/%z`],
    [yes, trusted, `IdentityFile ~/..${sshd.key}`],
    [yes, trusted, `IdentityFile ~root/..${sshd.key}`],
    [no, trusted, `IdentityFile ~no-such-user/..${sshd.key}`],
    [yes, trusted, `IdentityFile %d/..${sshd.key}`],
    [yes, trusted, 'IdentityFile ${FMC_TEST_DIR}/id'],
    [no, trusted, 'IdentityFile ${FMC_TEST_ABSENT}/id'],
    // Forms of keys.
    [yes, trusted, `IdentityFile "${at('rsa PEM')}"`],
    [yes, trusted, `IdentityFile "${at('rsa PKCS8')}"`],
    [yes, trusted, `IdentityFile "${at('ecdsa PEM')}"`],
    [yes, trusted, `IdentityFile "${at('ecdsa PKCS8')}"`],
    [no, trusted, `IdentityFile "${at('text before')}"`],
    [yes, trusted, `IdentityFile "${at('text after')}"`],
    [no, trusted, `IdentityFile "${at('blank line')}"`],
    [no, trusted, `IdentityFile "${at('line ends of Windows')}"`],
    [no, trusted, `IdentityFile "${at('no line end')}"`],
    [no, trusted, `IdentityFile "${at('indented')}"`],
    [no, trusted, `IdentityFile "${at('empty')}"`],
    [no, trusted, `IdentityFile "${at('with the .pub of another key')}"`],
    [no, trusted, `IdentityFile ${dir}`],
    // Without a command ssh refuses this one, and so did its -G.
    [yes, trusted, 'ForkAfterAuthentication yes'],
    // Agents.
    [no, trusted, `IdentityFile ${locked}`],
    [yes, trusted, `IdentityFile ${locked}`, inAgent],
    [yes, trusted, `IdentityFile ${locked}`, inAgent, only],
    [yes, trusted, `IdentityFile "${at('locked alone')}"`, inAgent, only],
    [yes, trusted, pub('lent'), inAgent, only],
    [yes, trusted, pub('lent'), inAgent],
    [yes, trusted, `IdentityFile ${at('lent')}`, inAgent, only],
    [no, trusted, pub('lent')],
    [no, trusted, pub('other'), inAgent, only],
    [no, trusted, pub('useless'), inAgent, only],
    [no, trusted, pub('id')],
    [no, trusted, pub('id'), inAgent, only],
    [yes, trusted, pub('lent'), only, 'IdentityAgent $FMC_TEST_SOCKET'],
    [yes, trusted, pub('lent'), only, 'IdentityAgent ${FMC_TEST_SOCKET}'],
    [yes, trusted, pub('lent'), only, 'IdentityAgent ${FMC_TEST_AGENT}/%h'],
    [yes, trusted, pub('lent'), only, `IdentityAgent ~/..${socket}`],
    [no, trusted, pub('lent'), only, 'IdentityAgent $FMC_TEST_ABSENT'],
    [no, trusted, pub('lent'), only, 'IdentityAgent none'],
    [no, trusted, pub('lent'), only, 'IdentityAgent SSH_AUTH_SOCK'],
    [no, trusted, pub('lent'), only, 'IdentityAgent ${FMC_TEST_ABSENT}'],
    // Certificates.
    [no, trusted, `IdentityFile ${certified}`],
    [yes, trusted, `IdentityFile ${certified}`, `CertificateFile ${at('cert-127.0.0.1.pub')}`],
    [yes, trusted, `IdentityFile ${certified}`, `CertificateFile ${dir}/cert-%h.pub`],
    [yes, trusted, `IdentityFile ${certified}`, 'CertificateFile ${FMC_TEST_DIR}/cert-%n.pub'],
    [no, trusted, `IdentityFile ${certified}`, `CertificateFile ${dir}/cert-%r.pub`],
  ]
  const certHost = publicKey(join(certDir, 'host'))
  const certName = `[127.0.0.1]:${withCertificate.port}`
  const certRows: typeof rows = [
    [yes, `@cert-authority box ${authority}`, alias],
    [no, `@cert-authority [box]:${withCertificate.port} ${authority}`, alias],
    [no, `@cert-authority box ${other}`, alias],
    [yes, `@cert-authority box ${authority}\nbox ${other}`, alias],
    [yes, `@cert-authority ${certName} ${authority}`],
    [yes, `@cert-authority 127.0.0.1 ${authority}`],
    [yes, `@cert-authority ${certName} ${authority}\n${certName} ${other}`],
    [no, `@cert-authority ${certName} ${other}`],
    [no, `@revoked * ${authority}\n@cert-authority * ${authority}`],
    // A host that has a certificate, known by its key.
    [yes, `${certName} ${certHost}`],
    [no, `${certName} ${other}`],
  ]
  for (const file of ['kh', 'my keys/kh', `kh_127.0.0.1_${port}`])
    writeFileSync(at(file), `${trusted}\n`)
  const check = async (
    [wanted, known, ...lines]: (typeof rows)[number],
    i: number,
    server: Sshd,
  ): Promise<void> => {
    const file = at(`config-${i}`)
    const has = (keyword: string): boolean => lines.some(l => l.startsWith(keyword))
    writeFileSync(at(`known-${i}`), `${known}\n`)
    writeFileSync(
      file,
      [
        'Host *',
        ...lines,
        ...(has('IdentityFile') ? [] : [`IdentityFile "${server.key}"`]),
        ...(has('UserKnownHostsFile') ? [] : [`UserKnownHostsFile ${at(`known-${i}`)}`]),
        ...(has('GlobalKnownHostsFile') ? [] : ['GlobalKnownHostsFile none']),
        ...(has('IdentityAgent') ? [] : ['IdentityAgent none']),
        '',
      ].join('\n'),
    )
    const { ssh2, ...found } = await outcomes(file, '127.0.0.1', '127.0.0.1', {
      user: 'root',
      port: server.port,
    })
    const outcome = wanted ? 'connects' : 'refuses'
    const text = `${lines.join('; ')} | ${known.replaceAll(/AAAA\S+/g, k => k.slice(-6))}`
    t.same(found, { ssh: outcome, auto: outcome, openssh: outcome }, text)
    t.ok(ssh2 === outcome || ssh2 === 'not for ssh2', `ssh2: ${ssh2}, ${text}`)
  }
  const waiting = [
    ...rows.map(row => [row, sshd] as const),
    ...certRows.map(row => [row, withCertificate] as const),
  ]
  let n = 0
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      await check(next[0], n++, next[1])
  }
  await Promise.all([worker(), worker(), worker(), worker()])
})
