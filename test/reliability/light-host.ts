import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Output } from '../../lib/ssh/types.ts'
import type { Base } from './base.ts'

/** Where a light host keeps its root and what it has changed there. */
export interface Layers {
  /** What it starts with, above the base; '' for nothing. */
  readonly old: string
  readonly upper: string
}

/**
 * A host for one case: a mount and a process namespace over the prepared root. All that it writes lies in `upper`, so a
 * comparison of the whole tree looks at that alone. It has no systemd and no network; process 1 is host/main.go.
 */
export class LightHost {
  readonly name: string
  readonly layers: Layers
  readonly #dir: string
  readonly #process: ChildProcess | undefined
  readonly pid: number

  private constructor(
    name: string,
    dir: string,
    layers: Layers,
    process: ChildProcess | undefined,
    pid: number,
  ) {
    this.name = name
    this.#dir = dir
    this.layers = layers
    this.#process = process
    this.pid = pid
  }

  static async start(base: Base, name: string, old: string, count: number): Promise<LightHost> {
    const dir = join(base.dir, `${count}-${name}`)
    const [upper, work, root] = ['upper', 'work', 'root'].map(d => join(dir, d)) as [
      string,
      string,
      string,
    ]
    for (const d of [upper, work, root]) mkdirSync(d, { recursive: true, mode: 0o755 })
    const lower = old === '' ? base.root : `${old}:${base.root}`
    const script = `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${root}
mount -t overlay overlay -o ro,lowerdir=${base.usr}:/usr ${root}/usr
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts ${root}/dev/pts; mount -t proc proc ${root}/proc; mount -t tmpfs -o mode=755 tmpfs ${root}/run; exec chroot ${root} /.host init`
    const child = spawn(
      'unshare',
      ['-m', '-p', '-f', '--propagation', 'private', 'sh', '-ec', script],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    let said = ''
    // util-linux 2.38 complains about its own signal mask here.
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`no light host: exit ${code}: ${said}`)),
      ),
    ])
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
    return new LightHost(name, dir, { old, upper }, child, pid)
  }

  /** The same host for another process than the one that has started it. */
  static attach(name: string, pid: number, layers: Layers): LightHost {
    return new LightHost(name, '', layers, undefined, pid)
  }

  /** The command line that runs a program in the host. */
  argv(...words: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.pid), '-m', '-p', '-r', '-w', ...words]
  }

  /** Runs a script by hand, not through fmc. */
  sh(script: string): Promise<Output> {
    return new Promise((resolve, reject) => {
      const [program = '', ...args] = this.argv('sh', '-c', script)
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: ENV })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.on('error', reject)
      child.on('close', code => resolve({ code: code ?? 128, stdout, stderr }))
    })
  }

  /** Pids, on this machine, of what runs there, without process 1. */
  processes(): string[] {
    const space = readlinkSync(`/proc/${this.pid}/ns/pid`)
    return readdirSync('/proc').filter(pid => {
      if (!/^\d/.test(pid) || Number(pid) === this.pid) return false
      try {
        return (
          readlinkSync(`/proc/${pid}/ns/pid`) === space &&
          !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
        )
      } catch {
        return false
      }
    })
  }

  /** After a crash: files that were not synced lose their content, /run is empty, and what is enabled starts. */
  async boot(unsynced: readonly number[]): Promise<void> {
    await this.sh('kill -9 -1')
    if (unsynced.length > 0) lose(this.layers.upper, new Set(unsynced))
    const { code, stderr } = await this.sh('rm -rf /run/* /run/.[!.]*; systemctl boot')
    if (code !== 0) throw new Error(`the light host does not boot: ${stderr}`)
  }

  async stop(): Promise<void> {
    if (!this.#process) return
    const gone = once(this.#process, 'exit')
    process.kill(this.pid, 'SIGKILL')
    await gone
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

export const ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
}

/** The worst that a file system may do to data that nobody has synced: the file is there, and empty (ext4 with delayed allocation). */
function lose(dir: string, inodes: ReadonlySet<number>): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) lose(path, inodes)
    else if (entry.isFile() && inodes.has(lstatSync(path).ino)) truncateSync(path)
  }
}
