import t from 'tap'
import { elRelease } from '../../lib/lab/machines/el-release.ts'
import { ROOT, rig, run } from '../rig/lab.ts'

void t.test('os-release as AlmaLinux and Rocky have it', t => {
  const keys = (text: string): Record<string, string> =>
    Object.fromEntries(
      [...text.matchAll(/^(\w+)="(.*)"$/gm)].map(([, key = '', value = '']) => [key, value]),
    )
  t.match(keys(elRelease({ name: 'almalinux', family: 'el', version: '9.5' })), {
    ID: 'almalinux',
    VERSION_ID: '9.5',
    PLATFORM_ID: 'platform:el9',
    PRETTY_NAME: 'AlmaLinux 9.5 (Teal Serval)',
  })
  t.match(keys(elRelease({ name: 'rocky', family: 'el', version: undefined })), {
    ID: 'rocky',
    VERSION_ID: '9.5',
    PRETTY_NAME: 'Rocky Linux 9.5 (Blue Onyx)',
  })
  t.end()
})

void t.test('hosts of Enterprise Linux', async t => {
  const r = await rig(t, 'test-el9', { hosts: ['hypervisor', 'loadbalancer1'] })
  const on = (script: string): Promise<string> => r.text('loadbalancer1', script)

  await t.test('fmc sees the operating systems of the inventory', async t => {
    const { stdout, code } = await run(
      [process.execPath, `${ROOT}/lib/bin.js`, 'facts', 'hypervisor,loadbalancer1', '--lab'],
      { env: { FMC_LAB: r.name } },
    )
    t.equal(code, 0)
    t.match(stdout, /hypervisor.*Rocky Linux 9\.5/s)
    t.match(stdout, /loadbalancer1.*AlmaLinux 9\.5/s)
  })

  await t.test('they look like EL and boot without failed units', async t => {
    const names = 'apt-get dpkg perl dnf rpm getenforce semanage firewall-cmd'
    t.equal(
      await on(`for c in ${names}; do command -v $c || echo no $c; done`),
      'no apt-get\nno dpkg\nno perl\n/usr/bin/dnf\n/usr/bin/rpm\n/usr/sbin/getenforce\nno semanage\n/usr/bin/firewall-cmd',
    )
    t.equal(
      await on(
        'systemctl is-system-running; systemctl is-active sshd chronyd firewalld; systemctl is-enabled sshd',
      ),
      'running\nactive\nactive\nactive\nenabled',
    )
    t.equal(
      await on('firewall-cmd --state; firewall-cmd --list-services'),
      'running\ndhcpv6-client ssh',
    )
    t.match(r.state.standIns.join('\n'), /real dnf and rpm.*proves nothing about.*SELinux/)
  })

  await t.test('a module stream has to be enabled, and its package lays out EL', async t => {
    t.not((await r.on('loadbalancer1', 'dnf -qy install postgresql-server')).code, 0)
    await on('dnf -qy module enable postgresql:15 && dnf -qy install postgresql-server')
    await on('postgresql-setup --initdb && systemctl start postgresql')
    t.equal(
      await on(
        `stat -c '%U:%G %a' /var/lib/pgsql/data; cd /tmp; runuser -u postgres -- psql -Atc 'show data_directory; show unix_socket_directories'`,
      ),
      'postgres:postgres 700\n/var/lib/pgsql/data\n/var/run/postgresql',
    )
  })

  await t.test('a package installed under another name is a conflict', async t => {
    const { code, stderr } = await r.on('loadbalancer1', 'dnf -qy install curl')
    t.not(code, 0)
    t.match(stderr, /conflicts with curl-minimal/)
  })

  await t.test('SELinux tools answer as on an enforcing host and remember', async t => {
    t.equal(
      await on('getenforce; getsebool haproxy_connect_any'),
      'Enforcing\nhaproxy_connect_any --> off',
    )
    await on('setsebool haproxy_connect_any on')
    t.equal(
      await on('getsebool haproxy_connect_any; cat /var/lib/fmc-lab/selinux/booleans'),
      'haproxy_connect_any --> on',
      'without -P it does not last',
    )
    t.not((await r.on('loadbalancer1', 'setsebool -P no_such_boolean on')).code, 0)
    await on(`dnf -qy install policycoreutils-python-utils
      setsebool -P haproxy_connect_any on
      semanage fcontext -a -t bin_t '/opt/libexec(/.*)?'; semanage port -a -t http_port_t -p tcp 6443
      mkdir -p /opt/libexec; touch /opt/libexec/x; restorecon -R /opt/libexec`)
    t.equal(
      await on('cd /var/lib/fmc-lab/selinux; cat booleans ports fcontexts contexts'),
      'haproxy_connect_any on\ntcp/6443 http_port_t\n/opt/libexec(/.*)? bin_t\n/opt/libexec bin_t\n/opt/libexec/x bin_t',
    )
  })

  await t.test('libvirt is a daemon for each driver, behind sockets', async t => {
    const host = (script: string): Promise<string> => r.text('hypervisor', script)
    await host('dnf -qy install libvirt')
    await host('systemctl start virtqemud.socket virtnetworkd.socket')
    t.equal(await host('command -v libvirtd || virsh -c qemu:///system uri'), 'qemu:///system')
    t.equal(await host('virsh -c network:///system net-list --all --name'), '')
    t.equal(await host('systemctl is-active virtqemud virtnetworkd'), 'active\nactive')
  })
})
