import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Cell } from './cells.ts'
import { injectionOf } from './faults-of.ts'
import { LightHost, type Layers } from './light-host.ts'
import { inventoryAt, perform } from './runs.ts'
import { WORKLOADS } from './workloads/index.ts'

/** What a runner in a process of its own gets. */
export interface Order {
  readonly cell: Cell
  readonly hosts: readonly {
    readonly name: string
    readonly pid: number
    readonly layers: Layers
  }[]
  readonly cache: string
}

/** A process that has loaded everything and waits for one run, which it will probably not survive. */
export class Runner {
  readonly #child: ChildProcess
  readonly #ready: Promise<unknown>

  constructor(inventory: string) {
    this.#child = fork(process.argv[1] ?? '', ['runner', inventory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#ready = once(this.#child, 'message')
  }

  /** `died`: the process was killed, as its order says. */
  async play(order: Order): Promise<{ readonly died: boolean }> {
    await this.#ready
    const over = once(this.#child, 'exit')
    this.#child.send(order)
    const [, signal] = (await over) as [number | null, NodeJS.Signals | null]
    return { died: signal === 'SIGKILL' }
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The other side: the process that runs fmc. */
export async function beRunner(file: string): Promise<void> {
  const inventory = await inventoryAt(file)
  process.send?.('ready')
  const [order] = (await once(process, 'message')) as [Order]
  const hosts = new Map(order.hosts.map(h => [h.name, LightHost.attach(h.name, h.pid, h.layers)]))
  const workload = WORKLOADS.find(w => w.name === order.cell.workload)
  if (!workload) throw new Error(`no workload ${order.cell.workload}`)
  const injection = injectionOf(order.cell, {
    stop: new AbortController(),
    kill: new AbortController(),
    die: () => void process.kill(process.pid, 'SIGKILL'),
    second: () => Promise.resolve(),
    edit: () => Promise.resolve(),
  })
  await perform(inventory, hosts, workload.plays('new'), {
    cache: order.cache,
    injections: { [order.cell.host]: injection },
  })
  process.exit(0)
}
