import {
  absent,
  artifact,
  directory,
  file,
  filesystem,
  gate,
  group,
  kernelModule,
  line,
  link,
  packages,
  probe,
  role,
  Secret,
  service,
  sysctl,
  timezone,
  user,
  z,
  $,
} from 'fmc'

/** Goes on after a failure, which stays a failure of the run: so many refusals fit into one. */
async function attempt(task: () => Promise<unknown>): Promise<void> {
  await task().catch(() => undefined)
}

export default role({
  name: 'refusals',
  summary: 'What must be refused',
  vars: z.object({ every_secret: z.instanceof(Secret).describe('A secret') }),
  async tasks({ vars, host }) {
    // Known in the plan already.
    await attempt(() => file('/srv/r/link', { content: 'x' }))
    await attempt(() => file('/srv/r/dir', { content: 'x' }))
    await attempt(() => file('/srv/r/none/f', { content: 'x' }))
    await attempt(() => file('/srv/r/target/f', { content: 'x' }))
    await attempt(() => file('/srv/r/owner', { content: 'x', owner: 'nobody-such' }))
    await attempt(() => file('/srv/r/mode', { content: 'x', mode: '0999' }))
    await attempt(() => file('relative', { content: 'x' }))
    await attempt(() => file('/srv/../etc/x', { content: 'x' }))
    await attempt(() => file('/srv/nul\0', { content: 'x' }))
    await attempt(() => file('/etc/systemd/system/x.service', { content: 'x' }))
    await attempt(() => line('/srv/r/link', 'x'))
    await attempt(() => line('/srv/r/dir', 'x'))
    await attempt(() => line('/srv/r/target', 'two\nlines'))
    await attempt(() => directory('/srv/r/target/below'))
    await attempt(() => directory('/srv/r/link'))
    await attempt(() => link('/srv/r/target', 'x'))
    await attempt(() => link('/srv/r/none/l', 'x'))
    await attempt(() => absent('/srv/r/dir'))
    await attempt(() => artifact('no-such', '/srv/r/artifact'))
    await attempt(() => artifact('coredns', '/srv/r/none/artifact'))
    await attempt(() => user('x', { group: 'no-such' }))
    await attempt(() => user('daemon', { group: 'daemon', uid: 4999 }))
    await attempt(() => group('daemon', { gid: 4999 }))
    await attempt(() => group('-x'))
    await attempt(() => service('no-such'))
    await attempt(() => service('masked'))
    await attempt(() => filesystem('/dev/no-such', { label: 'x' }))
    await attempt(() => filesystem(host.disks[0]?.device ?? '', { label: 'other' }))
    await attempt(() => sysctl('net.no.such', 1))
    await attempt(() => sysctl('net/../../x', 1))
    await attempt(() => timezone('Europe/Nowhere'))
    await attempt(() => packages(host.os.family === 'flatcar' ? 'cron' : 'no-such-package'))
    await attempt(() =>
      gate('it is open', async () => (await probe`false`).ok, { timeoutSeconds: 1 }),
    )
    // Only the attempt can tell.
    await attempt(() =>
      file('/srv/r/checked', {
        content: 'new',
        validate: p => `echo "line 1 of ${p} is bad" >&2; (exit 3)`,
        notify: 'never',
      }),
    )
    await attempt(() => file('/srv/full/f', { content: 'x'.repeat(300_000) }))
    await attempt(() => line('/srv/full/g', 'y'.repeat(70_000)))
    await attempt(() => file('/srv/ro/f', { content: 'new' }))
    await attempt(() => artifact('coredns', '/srv/full/artifact'))
    await attempt(() => artifact('coredns', '/srv/r/refused', { validate: () => 'false' }))
    await attempt(() => service('failing'))
    await attempt(() => kernelModule('no_such_module'))
    await attempt(() => $({ stdin: vars.every_secret })`cat >&2; exit 9`)
    await attempt(() => $({ timeoutSeconds: 1 })`exec sleep 120`)
  },
  handlers: { never: () => $`touch /srv/r/handled` },
})
