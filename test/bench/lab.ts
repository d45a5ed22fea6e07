import { copyFileSync, existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { loadInventory } from '../../lib/inventory/load.ts'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { down, up, type LabState } from '../../lib/lab/index.ts'
import { labName } from '../rig/lab.ts'
import { good, run, serve } from './measure.ts'
import { farPlaces, inventoryYaml, places, put, ROOT, type Place } from './project.ts'

const started = new Set<string>()
/** A boot that is under way; nothing may be taken down before it has ended. */
let booting: Promise<unknown> = Promise.resolve()

/** A lab of equal hosts, as it boots: nothing of the workload is there. */
export interface Lab {
  readonly name: string
  readonly count: number
  readonly state: LabState
  readonly inventory: string
  readonly places: readonly Place[]
}

/** Boots the bench's hosts again, from fresh disks. */
export async function freshLab(
  dir: string,
  of: string,
  count: number,
  say: (text: string) => void,
): Promise<Lab> {
  const name = labName(of)
  const hosts = places(count)
  const inventory = put(dir, `${name}.yaml`, inventoryYaml(hosts))
  return { name, count, state: await bootLab(name, inventory, say), inventory, places: hosts }
}

/** Boots the hosts of an inventory again, from fresh disks. */
export async function bootLab(
  name: string,
  inventory: string,
  say: (text: string) => void,
): Promise<LabState> {
  await down(name)
  started.add(name)
  const boot = up(await loadInventory(inventory, { cache: false }), { name, yes: true, log: say })
  booting = boot.catch(() => undefined)
  return boot
}

/** Takes down every lab that the bench has started. */
export async function downAll(): Promise<void> {
  await booting
  for (const name of started) await down(name)
  started.clear()
}

/** Ansible and Mitogen need Python on the hosts, which the other contenders do not: not part of any time. */
export async function addPython(lab: Lab): Promise<void> {
  const install =
    'DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends python3 python3-apt >/dev/null'
  await Promise.all(
    lab.places.map(async ({ name }) =>
      good(
        `Python on ${name}`,
        await run(enterLab(lab.state, sshCommand(lab.state, name, [install]))),
      ),
    ),
  )
}

/** The lab as it looks from far away: 30 ms for a round trip to every host. */
export interface FarLab {
  readonly places: readonly Place[]
  readonly inventory: string
  readonly knownHosts: string
  /** Runs a command where the delayed hosts are, and where ~/.ssh has only their keys. */
  enter(argv: readonly string[]): string[]
  stop(): Promise<void>
}

export async function farLab(dir: string, lab: Lab, halfMs: number): Promise<FarLab> {
  const far = farPlaces(lab.count)
  const inventory = put(dir, 'far.yaml', inventoryYaml(far, lab.state.ssh.identityFile))
  const home = join(dir, 'ssh')
  mkdirSync(home, { mode: 0o700 })
  const knownHosts = put(
    home,
    'known_hosts',
    far.map(({ name, address, port }) => `[${address}]:${port} ${hostKey(lab, name)}`).join(''),
    0o600,
  )
  copyFileSync(lab.state.ssh.identityFile, join(home, 'id_ed25519'))
  // OpenSSH takes the home directory from passwd(5) and not from $HOME, so ~/.ssh is covered in a mount namespace.
  const ssh = join(homedir(), '.ssh')
  const made = !existsSync(ssh)
  if (made) mkdirSync(ssh, { mode: 0o700 })
  const routes = far.map(({ port }, i) => `${port}=${lab.places[i]?.address ?? ''}:22`)
  const script = 'mount --bind "$1" "$2"; shift 2; exec "$@"'
  const proxy = [process.execPath, join(ROOT, 'test/bench/proxy.js'), String(halfMs), ...routes]
  const server = serve(
    enterLab(lab.state, ['unshare', '-m', 'sh', '-ec', script, 'sh', home, ssh, ...proxy]),
  )
  await server.ready
  return {
    places: far,
    inventory,
    knownHosts,
    enter: argv => [
      'nsenter',
      '-t',
      String(server.pid),
      '--net',
      '--mount',
      `--wd=${dir}`,
      '--',
      ...argv,
    ],
    async stop() {
      await server.stop()
      if (made) rmdirSync(ssh)
    },
  }
}

const hostKey = (lab: Lab, name: string): string =>
  readFileSync(join(lab.state.dir, 'keys', `host-${name}.pub`), 'utf8')
