import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '../../lib/cache-dir.ts'
import { enterLab } from '../../lib/lab/enter.ts'
import type { Lab } from './lab.ts'
import { good, run, type Run } from './measure.ts'
import { put } from './project.ts'

/** How a peer is called on a lab's hosts. */
export interface Peer {
  readonly name: string
  readonly needsPython: boolean
  apply(lab: Lab): Promise<Run>
  /** Its own dry run. */
  dry(lab: Lab): Promise<Run>
  /** Tasks that it says it changed, or would change, with on how many hosts; `failed` counts tasks on hosts. */
  read(result: Run): Read
}

export interface Read {
  readonly changed: ReadonlyMap<string, number>
  /** It says that these may change. */
  readonly maybe: ReadonlyMap<string, number>
  readonly failed: number
}

const sh = (command: string): string => {
  try {
    return execFileSync('sh', ['-c', command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

/** The newest Python that this machine has: new releases of ansible-core do not run on old ones. */
function newestPython(): string {
  for (const minor of [15, 14, 13, 12, 11]) {
    const path =
      sh(`python3.${minor} -c 'import sys; print(sys.executable)'`) ||
      sh(
        `PYENV_VERSION=$(pyenv latest 3.${minor}) python3.${minor} -c 'import sys; print(sys.executable)'`,
      )
    if (path !== '') return path
  }
  return '/usr/bin/python3'
}

/** The peers of PyPI in a virtual environment in the cache, Debian's by apt-get; made once. */
export async function installPeers(say: (text: string) => void): Promise<string> {
  const venv = join(cacheDir(), 'bench-venv')
  if (!existsSync(join(venv, 'bin/pyinfra'))) {
    const python = newestPython()
    say(`installing ansible-core, mitogen and pyinfra for ${python} into ${venv}`)
    const made = await run([python, '-m', 'venv', venv])
    if (made.code !== 0) {
      good('apt-get', await apt('python3-venv'))
      good('the virtual environment', await run([python, '-m', 'venv', venv]))
    }
    good(
      'pip',
      await run([join(venv, 'bin/pip'), 'install', '-q', 'ansible-core', 'mitogen', 'pyinfra']),
    )
  }
  if (!existsSync('/usr/bin/ansible-playbook')) {
    say("installing Debian's ansible-core")
    good('apt-get', await apt('ansible-core'))
  }
  return venv
}

export const apt = (name: string): Promise<Run> =>
  run(
    [
      'apt-get',
      '-q',
      '-y',
      '-o',
      'DPkg::Lock::Timeout=300',
      'install',
      '--no-install-recommends',
      name,
    ],
    { env: { DEBIAN_FRONTEND: 'noninteractive' } },
  )

const version = (command: string): string =>
  /\d+(\.\d+)+/.exec(sh(`${command} | head -n 1`))?.[0] ?? '?'

/** All peers, with their versions in their names. */
export function peers(dir: string, venv: string): Peer[] {
  const bin = join(venv, 'bin')
  const fresh = join(bin, 'ansible-playbook')
  const core = version(`${fresh} --version`)
  const mitogen = version(`${bin}/pip show mitogen | sed -n 2p`)
  const plugins = sh(
    `${bin}/python -c 'import ansible_mitogen, os; print(os.path.dirname(ansible_mitogen.__file__))'`,
  )
  return [
    ansible(dir, `ansible-core ${core} (PyPI)`, fresh),
    ansible(
      dir,
      `ansible-core ${version('/usr/bin/ansible-playbook --version')} (Debian)`,
      '/usr/bin/ansible-playbook',
    ),
    ansible(dir, `Mitogen ${mitogen} on ansible-core ${core}`, fresh, {
      ANSIBLE_STRATEGY: 'mitogen_linear',
      ANSIBLE_STRATEGY_PLUGINS: join(plugins, 'plugins/strategy'),
    }),
    pyinfra(dir, `pyinfra ${version(`${bin}/pyinfra --version`)}`, join(bin, 'pyinfra')),
  ]
}

/** Pipelining on, as many forks as hosts, no facts gathered, ControlPersist as it is by default but cold. */
function ansible(
  dir: string,
  name: string,
  program: string,
  more: Record<string, string> = {},
): Peer {
  const sockets = join(dir, 'cp')
  const call = async (lab: Lab, ...args: string[]): Promise<Run> => {
    mkdirSync(sockets, { recursive: true })
    const { identityFile, knownHostsFile } = lab.state.ssh
    const inventory = put(
      dir,
      'hosts.ini',
      `${lab.places.map(p => `${p.name} ansible_host=${p.address}\n`).join('')}[all:vars]\nansible_user=root\nansible_ssh_private_key_file=${identityFile}\nansible_python_interpreter=/usr/bin/python3\n`,
    )
    try {
      return await run(
        enterLab(lab.state, [program, '-i', inventory, join(dir, 'play.yml'), ...args]),
        {
          cwd: dir,
          env: {
            ANSIBLE_PIPELINING: 'True',
            ANSIBLE_TIMEOUT: '60',
            ANSIBLE_FORKS: String(lab.count),
            ANSIBLE_HOST_KEY_CHECKING: 'True',
            ANSIBLE_NOCOLOR: '1',
            ANSIBLE_HOME: join(dir, 'ansible'),
            ANSIBLE_LOCAL_TEMP: join(dir, 'ansible/tmp'),
            ANSIBLE_SSH_CONTROL_PATH_DIR: sockets,
            ANSIBLE_SSH_COMMON_ARGS: `-F none -o UserKnownHostsFile=${knownHostsFile} -o GlobalKnownHostsFile=none -o IdentitiesOnly=yes`,
            ...more,
          },
        },
      )
    } finally {
      for (const socket of readdirSync(sockets))
        await run(['ssh', '-o', `ControlPath=${join(sockets, socket)}`, '-O', 'exit', 'x'])
    }
  }
  return {
    name,
    needsPython: true,
    apply: lab => call(lab),
    dry: lab => call(lab, '--check'),
    read: readAnsible,
  }
}

function readAnsible({ stdout }: Run): Read {
  const changed = new Map<string, number>()
  let failed = 0
  let task = ''
  for (const line of stdout.split('\n')) {
    const [, name] = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \*/.exec(line) ?? []
    if (name !== undefined) task = name
    else if (/^changed: \[/.test(line)) changed.set(task, (changed.get(task) ?? 0) + 1)
    else if (/^(fatal|failed): \[/.test(line)) failed++
  }
  return { changed, maybe: new Map(), failed }
}

function pyinfra(dir: string, name: string, program: string): Peer {
  const call = (lab: Lab, ...args: string[]): Promise<Run> => {
    const { identityFile, knownHostsFile } = lab.state.ssh
    const data = `"ssh_user": "root", "ssh_key": "${identityFile}", "ssh_known_hosts_file": "${knownHostsFile}", "ssh_strict_host_key_checking": "yes", "ssh_allow_agent": False, "ssh_look_for_keys": False`
    const inventory = put(
      dir,
      'inventory.py',
      `hosts = [\n${lab.places.map(p => `    ("${p.name}", {"ssh_hostname": "${p.address}", ${data}}),\n`).join('')}]\n`,
    )
    return run(enterLab(lab.state, [program, ...args, inventory, join(dir, 'deploy.py')]), {
      cwd: dir,
    })
  }
  return {
    name,
    needsPython: false,
    apply: lab => call(lab, '-y'),
    dry: lab => call(lab, '--dry'),
    read: readPyinfra,
  }
}

/** Its tables: "Detected changes" has Change and Conditional Change, "Results" has Hosts, Success, Error and No Change. */
function readPyinfra({ stdout, stderr }: Run): Read {
  const changed = new Map<string, number>()
  const maybe = new Map<string, number>()
  let failed = 0
  let kind = ''
  for (const line of `${stdout}\n${stderr}`.split('\n')) {
    if (/^--> /.test(line))
      kind = /Detected changes/.test(line) ? 'dry' : /Results/.test(line) ? 'results' : ''
    const cells = line
      .trim()
      .replace(/\([^)]*\)/g, '')
      .split(/\s{2,}/)
    const [task = '', ...numbers] = cells
    if (kind === '' || task === 'Operation' || task === 'Grand total' || numbers.length < 2)
      continue
    const [a = 0, b = 0, c = 0] = numbers.map(n => Number(n) || 0)
    if (kind === 'dry') {
      if (a > 0) changed.set(task, a)
      if (b > 0) maybe.set(task, b)
    } else {
      if (b > 0) changed.set(task, b)
      failed += c
    }
  }
  return { changed, maybe, failed }
}
