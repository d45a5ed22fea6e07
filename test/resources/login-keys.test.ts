import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Host } from '../../lib/inventory/types.ts'
import { loginKeys } from '../../lib/resources/host-key.ts'

void t.test('the public keys of identity_file, however it names the key', async t => {
  const dir = t.testdir()
  writeFileSync(join(dir, '10.0.0.7.pub'), 'ssh-ed25519 AAAA of-the-host\n')
  process.env['FMC_TEST_KEYS'] = dir
  t.teardown(() => delete process.env['FMC_TEST_KEYS'])
  const keys = (identityFile: string): Promise<readonly string[]> =>
    loginKeys({
      name: 'vm',
      address: '10.0.0.7',
      ssh: { user: 'core', port: 2201, sudo: true, identityFile, transport: 'auto' },
    } as unknown as Host)
  for (const path of [
    `${dir}/10.0.0.7`,
    `${dir}/10.0.0.7.pub`,
    `${dir}/%h`,
    `${dir}/%h.pub`,
    `~/..${dir}/%n`,
    '${FMC_TEST_KEYS}/%h',
  ])
    t.same(await keys(path), ['ssh-ed25519 AAAA of-the-host'], path)
  for (const path of [`${dir}/none`, `${dir}/%z`, '${FMC_TEST_NONE}/%h'])
    t.same(await keys(path), [], path)
})
