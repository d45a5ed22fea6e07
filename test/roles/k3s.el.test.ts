// What the K3s roles and Longhorn do on Enterprise Linux, without a host. k3s-server.test.ts runs a server of AlmaLinux in the lab.
import t from 'tap'
import { parse } from 'yaml'
import { join } from 'node:path'
import { loadArtifacts } from '../../lib/artifacts/load.ts'
import { resolveArtifact } from '../../lib/artifacts/resolve.ts'
import { Secret, TaskError } from '../../lib/index.ts'
import { agentConfig } from '../../roles/k3s-agent/config.ts'
import { vars as agentVars } from '../../roles/k3s-agent/vars.ts'
import { PLATFORMS as LONGHORN, SELINUX_SOURCE } from '../../roles/longhorn/platform.ts'
import { parseMissing, question } from '../../roles/shared/firewalld/trust.ts'
import { labelled, openingsOf, repositoryFile } from '../../roles/shared/k3s/el.ts'
import { PLATFORMS } from '../../roles/shared/k3s/platform.ts'
import { ROOT } from '../rig/lab.ts'

void t.test('SELinux: policy, label and setting on EL, nowhere else', t => {
  for (const [system, platform] of Object.entries(PLATFORMS)) {
    t.equal(platform?.selinux, system === 'el 9', system)
    t.equal(platform?.firewalld, system === 'el 9', system)
    t.equal(LONGHORN[system as keyof typeof LONGHORN]?.selinux, system === 'el 9', system)
  }
  const vars = agentVars.parse({ k3s_agent_token: new Secret('agent') })
  const agent = { name: 'a', address: '10.0.0.1', via: '10.0.0.2', pin: undefined }
  const keys = (selinux: boolean) =>
    parse(agentConfig({ ...agent, selinux }, vars).reveal()) as Record<string, unknown>
  t.equal(keys(true)['selinux'], true)
  t.notOk('selinux' in keys(false))
  t.strictSame(labelled('server', '/usr/local/bin/k3s'), [
    '/usr/local/bin/k3s',
    '/etc/systemd/system/k3s.service',
  ])
  t.equal(SELINUX_SOURCE, '(allow iscsid_t self (capability (dac_override)))\n')
  t.end()
})

void t.test('the repository of the policy is signed, by a key of the same server', t => {
  const url = agentVars.parse({ k3s_agent_token: new Secret('agent') }).k3s_rpm_repository
  t.match(
    repositoryFile(url),
    /^baseurl=https:\/\/rpm\.rancher\.io\/k3s\/stable\/common\/centos\/9\/noarch$[^]*^gpgcheck=1$[^]*^gpgkey=https:\/\/rpm\.rancher\.io\/public\.key$/m,
  )
  t.match(
    repositoryFile('http://mirror.lan:8080/rancher/'),
    /^gpgkey=http:\/\/mirror\.lan:8080\/public\.key$/m,
  )
  const given = (text: string) =>
    agentVars.safeParse({ k3s_agent_token: new Secret('x'), k3s_rpm_repository: text }).success
  t.ok(given('none'))
  for (const bad of ['nothing', '', 'ftp://x/y', 'https://x/\n[evil]', 'https://user:word@x/'])
    t.notOk(given(bad), bad)
  t.end()
})

void t.test('what firewalld lets in', t => {
  for (const [kind, flannel, expected] of [
    ['server', undefined, ['6443/tcp', '2379-2380/tcp', '10250/tcp', '8472/udp']],
    ['agent', 'vxlan', ['10250/tcp', '8472/udp']],
    ['agent', 'host-gw', ['10250/tcp']],
    ['agent', 'none', ['10250/tcp']],
    ['agent', 'wireguard-native', ['10250/tcp', '51820/udp']],
  ] as const)
    t.strictSame(openingsOf(kind, flannel), expected, `${kind} ${String(flannel)}`)
  const sources = ['10.42.0.0/16', '10.43.0.0/16']
  t.strictSame(parseMissing('10.43.0.0/16\n', sources), ['10.43.0.0/16'])
  t.strictSame(parseMissing('', sources), [])
  t.throws(() => parseMissing('10.0.0.0/8\n', sources), TaskError)
  t.match(question({ sources }), /^systemctl -q is-active firewalld \|\| exit 0$/m)
  t.end()
})

void t.test('etcdctl is pinned for both architectures', async t => {
  const pins = await loadArtifacts(join(ROOT, 'files/artifacts.yaml'))
  for (const arch of ['amd64', 'arm64'] as const)
    t.match(resolveArtifact('etcdctl', arch, pins), {
      member: `etcd-v3.6.14-linux-${arch}/etcdctl`,
      source: { url: new RegExp(`/v3\\.6\\.14/etcd-v3\\.6\\.14-linux-${arch}\\.tar\\.gz$`) },
    })
})
