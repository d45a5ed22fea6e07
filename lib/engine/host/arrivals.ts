import type { Host, Inventory } from '../../inventory/types.ts'
import type { SelectedPlay } from '../define/select.ts'

/**
 * Which hosts a hypervisor of this run will create. A hypervisor's plan announces its VMs; the plan of a VM that does not
 * answer waits for that.
 */
export class Arrivals {
  readonly #stages: readonly (readonly SelectedPlay[])[]
  readonly #inventory: Inventory
  readonly #announced = new Set<string>()
  readonly #waiting = new Map<string, (will: boolean) => void>()
  readonly #answers = new Map<string, Promise<boolean>>()
  #closed = false

  constructor(stages: readonly (readonly SelectedPlay[])[], inventory: Inventory) {
    this.#stages = stages
    this.#inventory = inventory
  }

  /** The host that may create this one: its hypervisor, if a play of the hypervisor comes before all plays of this host. */
  creatorOf(host: Host): Host | undefined {
    const creator = host.vmOn === undefined ? undefined : this.#inventory.hosts.get(host.vmOn)
    if (!creator) return undefined
    const first = (h: Host): number =>
      this.#stages.findIndex(stage => stage.some(p => p.hosts.some(other => other.name === h.name)))
    const [at, before] = [first(host), first(creator)]
    return before >= 0 && (at < 0 || before < at) ? creator : undefined
  }

  /** May this host create others? */
  isCreator(host: Host): boolean {
    return [...this.#inventory.hosts.values()].some(h => this.creatorOf(h)?.name === host.name)
  }

  /** The hypervisor's plan creates this host. */
  announce(name: string): void {
    this.#announced.add(name)
    this.#waiting.get(name)?.(true)
  }

  /** All hypervisors are planned: no further host will be announced. */
  close(): void {
    this.#closed = true
    for (const [name, answer] of this.#waiting) answer(this.#announced.has(name))
  }

  /** Has a hypervisor's plan announced this host so far? */
  isAnnounced(name: string): boolean {
    return this.#announced.has(name)
  }

  /** Will the host be created? Resolves as soon as that is known. */
  willExist(name: string): Promise<boolean> {
    let answer = this.#answers.get(name)
    if (!answer) {
      answer =
        this.#announced.has(name) || this.#closed
          ? Promise.resolve(this.#announced.has(name))
          : new Promise(resolve => this.#waiting.set(name, resolve))
      this.#answers.set(name, answer)
    }
    return answer
  }
}
