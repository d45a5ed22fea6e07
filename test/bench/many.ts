import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cacheOf, nothingChanged } from './fmc.ts'
import { good, rounds, run, serve, type Contender, type Run } from './measure.ts'
import { put, ROOT } from './project.ts'
import { addSection, judge, ratio, sections } from './results.ts'
import { loop } from './shell.ts'
import { MANY } from './workload.ts'

const BIN = join(ROOT, 'lib/bin.js')

/**
 * How far one controller goes: `count` hosts, of which each is an sshd with a /run and a /var/log of its own over the file
 * system of this machine. That is no host with systemd, but for fmc, which asks and waits, it is as much work.
 */
export async function manyHosts(
  project: string,
  count: number,
  of: number,
  say: (text: string) => void,
): Promise<void> {
  say(`${count} light hosts: start`)
  const hosts = await startHosts(project, count)
  try {
    const fmc = async (): Promise<Run> =>
      good(
        'fmc',
        await run(hosts.enter([process.execPath, BIN, 'play', 'many', '-i', hosts.inventory]), {
          cwd: project,
          env: { FMC_CACHE: cacheOf(project), FMC_STATE: project, SSH_AUTH_SOCK: undefined },
        }),
      )
    say(`${count} light hosts: apply`)
    await fmc()
    say(`${count} light hosts: no change`)
    const script = put(
      project,
      'many.sh',
      loop(hosts.key, hosts.knownHosts, hosts.places, CHECK_SCRIPT),
    )
    const contenders: Contender[] = [
      { name: 'fmc', run: async () => good('fmc', await fmc(), nothingChanged) },
      {
        name: 'ssh loop',
        run: async () => good('the ssh loop', await run(hosts.enter(['sh', script]))),
      },
    ]
    const section = `no change, ${count} light hosts`
    addSection(section, 'ssh loop', await rounds(contenders, of))
    const rss = sections.at(-1)?.contenders.find(c => c.name === 'fmc')?.stats.rssMb ?? NaN
    judge(`${section}: fmc / ssh loop`, ratio(section, 'fmc', 'ssh loop'), 'x', { atMost: 0.6 })
    judge(`${section}: memory of fmc`, rss, 'MB', { atMost: 300 })
  } finally {
    await hosts.stop()
  }
}

/** The same questions as fmc's, in one script with as few processes as we know how. */
const CHECK_SCRIPT = `LC_ALL=C; export LC_ALL
[ "$(stat -c '%a %u %g' -- ${[...MANY.directories, ...MANY.files.map(f => f.path)].join(' ')})" = '${[
  ...MANY.directories.map(() => '750 0 0'),
  ...MANY.files.map(() => '640 0 0'),
].join('\n')}' ] || exit 11
sha256sum -c --status - <<'SUMS' || exit 12
${MANY.files.map(f => `${createHash('sha256').update(f.content).digest('hex')}  ${f.path}`).join('\n')}
SUMS
${MANY.links.map(l => `[ "$(readlink ${l.path})" = '${l.to}' ] || exit 13`).join('\n')}
`

interface Hosts {
  readonly inventory: string
  readonly key: string
  readonly knownHosts: string
  readonly places: readonly { readonly address: string; readonly port: number }[]
  enter(argv: readonly string[]): string[]
  stop(): Promise<void>
}

async function startHosts(project: string, count: number): Promise<Hosts> {
  const dir = join(project, 'many')
  const home = join(dir, 'ssh')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const hostKey = keygen(join(dir, 'host'))
  const key = keygen(join(home, 'id_ed25519'))
  // Addresses of the loopback device in a network namespace of the bench's own.
  const places = Array.from({ length: count }, (_, n) => ({
    address: `127.1.${Math.floor(n / 250)}.${(n % 250) + 1}`,
    port: 22,
  }))
  const shown = readFileSync(`${hostKey}.pub`, 'utf8')
  const knownHosts = put(
    home,
    'known_hosts',
    places.map(({ address }) => `${address} ${shown}`).join(''),
    0o600,
  )
  const inventory = put(project, 'many.yaml', inventoryYaml(places, key))
  const ssh = join(homedir(), '.ssh')
  const made = !existsSync(ssh)
  if (made) mkdirSync(ssh, { mode: 0o700 })
  const script = put(dir, 'start.sh', startScript(dir, { home, ssh, hostKey, key, places }))
  const server = serve(['unshare', '--net', '--mount', '--propagation', 'private', 'bash', script])
  await server.ready
  return {
    ...{ inventory, key, knownHosts, places },
    enter: argv => [
      ...['nsenter', '-t', String(server.pid), '--net', '--mount', `--wd=${project}`, '--'],
      ...argv,
    ],
    async stop() {
      await server.stop()
      if (made) rmdirSync(ssh)
    },
  }
}

function keygen(path: string): string {
  const { status, stderr } = spawnSync(
    'ssh-keygen',
    ['-q', '-t', 'ed25519', '-N', '', '-f', path],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`)
  return path
}

const inventoryYaml = (places: Hosts['places'], key: string): string => `timezone: UTC
domain: bench.internal
networks:
  bench: { cidr: 10.98.0.0/16, mode: bridge }
hosts:
${places
  .map(
    ({ address, port }, n) =>
      `  h${n + 1}: { os: debian 12, nics: [{ network: bench, address: 10.98.${Math.floor(n / 250)}.${(n % 250) + 2} }], ssh: { host: ${address}, port: ${port}, user: root, identity_file: ${key} } }\n`,
  )
  .join('')}`

/** Starts the sshds, says so once all listen, and waits. */
function startScript(
  dir: string,
  o: Pick<Hosts, 'key' | 'places'> & Readonly<Record<'home' | 'ssh' | 'hostKey', string>>,
): string {
  const keys = put(dir, 'keys', readFileSync(`${o.key}.pub`, 'utf8'))
  const config = put(
    dir,
    'sshd_config',
    `Port 22\nHostKey ${o.hostKey}\nAuthorizedKeysFile ${keys}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nLogLevel FATAL\n`,
  )
  // The login shell is sh: a .bashrc of this machine is no matter of the bench's.
  const users = put(
    dir,
    'passwd',
    readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:)[^:]*$/m, '$1/bin/sh'),
  )
  return `set -e
sshds=
trap 'kill $sshds' EXIT
trap exit TERM
mount --bind ${o.home} ${o.ssh}
mount --bind ${users} /etc/passwd
ip link set lo up
addresses='${o.places.map(p => p.address).join(' ')}'
for address in $addresses; do
  unshare --mount --propagation private sh -ec '
    mount -t tmpfs -o mode=0755 tmpfs /run; mount -t tmpfs tmpfs /var/log; mkdir /run/sshd
    exec /usr/sbin/sshd -D -e -f ${config} -o "ListenAddress=$1"' sh "$address" &
  sshds="$sshds $!"
done
for address in $addresses; do
  until (exec 3<>"/dev/tcp/$address/22") 2>/dev/null; do sleep 0.1; done
done
echo ready
wait
`
}
