import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { ownPackagesPath } from '../../lib/lab/images/own-packages.ts'
import { up } from '../../lib/lab/index.ts'
import { proveRole } from '../../lib/testing/index.ts'
import { rig, ROOT, run } from '../rig/lab.ts'

const inventoryOf = (packages: string): string => `timezone: UTC
domain: cloud.internal
${packages === '' ? '' : `lab: { packages: ${packages} }\n`}networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  deb: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  rocky: { os: rocky 9.5, nics: [{ network: lan, address: 192.168.0.31 }] }
`
/** What a project writes for a role of its own. */
const NGINX = `nginx: { debs: [nginx], files: lab/nginx, remove: [/etc/nginx/sites-enabled, /etc/nginx/sites-available, /etc/nginx/modules-enabled], user: nginx }`
const CONF = `user nginx;
pid /run/nginx.pid;
events {}
http { include conf.d/*.conf; }
`
const ROLE = `import { $, directory, file, gate, packages, probe, role, service, z } from '${ROOT}/lib/index.ts'
export default role({
  name: 'nginx',
  summary: 'A web page',
  vars: z.object({ page: z.string() }),
  platforms: { debian: { user: 'www-data' }, el: { user: 'nginx' } },
  async tasks({ vars, host, platform }) {
    await packages('nginx')
    await directory('/srv/www', { owner: platform.user, mode: '0750' })
    await file('/srv/www/index.html', { content: host.name + ' ' + vars.page + '\\n' })
    await file('/etc/nginx/conf.d/page.conf', {
      content: 'server { listen 8080; root /srv/www; }\\n',
      notify: 'reload nginx',
    })
    await service('nginx')
    await gate('nginx answers', async () => (await probe\`curl -sf -m 5 http://127.0.0.1:8080/\`).ok)
  },
  handlers: { 'reload nginx': () => $\`systemctl reload-or-restart nginx\` },
})
`

void t.test('lab.packages: what is wrong is an error that names the key', async t => {
  const dir = t.testdir({ lab: { nginx: { etc: { nginx: { 'nginx.conf': CONF } } } } })
  const file = join(dir, 'inventory.yaml')
  const load = (packages: string) => {
    writeFileSync(file, inventoryOf(packages))
    return loadInventory(file, { cache: false })
  }
  for (const [packages, message] of [
    ['{ debian: nginx }', /lab\.packages\.debian: expected a list/],
    ['{ debian: [nginx; reboot] }', /lab\.packages\.debian\[0\]: expected the name of a package/],
    ['{ el: { nginx: { debs: ["$(id)"] } } }', /debs\[0\]: expected the name of a package/],
    ['{ el: { ../x: {} } }', /the name of an RPM/],
    ['{ el: { x: { user: "a b" } } }', /user: expected a user name/],
    ['{ el: { x: { remove: [/../etc] } } }', /remove\[0\]: expected an absolute path/],
    ['{ el: { x: { remove: ["/a $(id)"] } } }', /remove\[0\]: expected an absolute path/],
    ['{ el: { x: { files: "https://x.example/" } } }', /files: expected a directory/],
    ['{ rpms: [x] }', /unknown key rpms/],
  ] as const)
    await t.rejects(load(packages), { message }, packages)
  for (const [packages, message] of [
    ['{ dir: none }', `lab.packages.dir: there is no directory ${join(dir, 'none')}`],
    ['{ el: { x: { files: none } } }', 'lab.packages.el.x.files: there is no directory'],
  ] as const) {
    const inventory = await load(packages)
    t.throws(() => ownPackagesPath(inventory), { message: new RegExp(`^${message}`) }, packages)
  }
  t.equal(ownPackagesPath(await load('')), undefined)
  const before = ownPackagesPath(await load(`{ el: { ${NGINX} } }`))
  t.equal(ownPackagesPath(await load(`{ el: { ${NGINX} } }`)), before)
  chmodSync(join(dir, 'lab/nginx/etc/nginx/nginx.conf'), 0o600)
  t.not(ownPackagesPath(await load(`{ el: { ${NGINX} } }`)), before, 'a file of it has changed')
})

void t.test('a role of one’s own with packages that fmc does not know', async t => {
  const dir = t.testdir({
    'inventory.yaml': inventoryOf(''),
    roles: { nginx: { 'index.ts': ROLE } },
    lab: { nginx: { etc: { nginx: { 'nginx.conf': CONF } } }, packages: {} },
    tool: {
      DEBIAN: {
        control:
          'Package: own-tool\nVersion: 1.0\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: a tool\n',
      },
      usr: { bin: { 'own-tool': '#!/bin/sh\necho mine\n' } },
    },
  })
  for (const path of ['tool', 'tool/DEBIAN', 'tool/usr', 'tool/usr/bin', 'tool/usr/bin/own-tool'])
    chmodSync(join(dir, path), 0o755)
  const built = await run(['dpkg-deb', '--build', '-Znone', 'tool', 'lab/packages'], { cwd: dir })
  t.equal(built.code, 0, built.stderr)
  const inventory = join(dir, 'inventory.yaml')
  const r = await rig(t, 'own-packages', { inventory })
  const pids = () => r.state.hosts.map(h => h.pid)
  const before = pids()
  const nginx = { lab: r, role: 'nginx', vars: { page: 'hello' } }

  await t.test('without lab.packages the EL host has no such package', async t => {
    await t.rejects(proveRole({ ...nginx, hosts: 'rocky' }), /nginx/)
  })

  await t.test('a package that Debian does not have leaves the lab as it is', async t => {
    writeFileSync(inventory, inventoryOf('{ debian: [no-such-package] }'))
    const brought = up(await loadInventory(inventory), { name: r.name, log: () => undefined })
    await t.rejects(brought, {
      message: /^lab\.packages\.debian .*Unable to locate package no-such-package/s,
    })
  })

  await t.test('with them the role is proved on both, while the hosts run on', async t => {
    writeFileSync(
      inventory,
      inventoryOf(`{ debian: [hello], el: { ${NGINX} }, dir: lab/packages }`),
    )
    await proveRole(nginx)
    t.strictSame(pids(), before)
    for (const host of ['deb', 'rocky'])
      t.equal(await r.text(host, 'curl -s http://127.0.0.1:8080/'), `${host} hello`)
    t.equal(await r.text('rocky', 'rpm -q --qf %{name} nginx; id -un nginx'), 'nginxnginx')
    t.equal(
      await r.text('deb', 'apt-get -qq install hello own-tool >/dev/null; hello; own-tool'),
      'Hello, world!\nmine',
    )
  })

  await t.test('status says what it does not prove', async t => {
    const { stdout } = await run([process.execPath, join(ROOT, 'lib/bin.js'), 'lab', 'status'], {
      env: { FMC_LAB: r.name },
    })
    t.match(stdout, /RPMs of lab\.packages \(nginx on rocky\): .*proves nothing about EL's version/)
  })
})
