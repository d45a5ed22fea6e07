import type { Host, Inventory } from '../../inventory/types.ts'
import type { SelectedPlay } from '../define/select.ts'

/**
 * Hosts that an earlier play of this run would make. Whoever wants to plan one that does not answer waits until the
 * plans of their hypervisors are taken.
 */
export class Arrivals {
  readonly #stages: readonly (readonly SelectedPlay[])[]
  readonly #inventory: Inventory
  readonly #said = new Set<string>()
  readonly #waiting = new Map<string, (will: boolean) => void>()
  readonly #answers = new Map<string, Promise<boolean>>()
  #over = false

  constructor(stages: readonly (readonly SelectedPlay[])[], inventory: Inventory) {
    this.#stages = stages
    this.#inventory = inventory
  }

  /** The host that may make this one: its hypervisor, when a play of that one comes before all of its own. */
  creatorOf(host: Host): Host | undefined {
    const creator = host.vmOn === undefined ? undefined : this.#inventory.hosts.get(host.vmOn)
    if (!creator) return undefined
    const first = (h: Host): number =>
      this.#stages.findIndex(stage => stage.some(p => p.hosts.some(other => other.name === h.name)))
    const [at, before] = [first(host), first(creator)]
    return before >= 0 && (at < 0 || before < at) ? creator : undefined
  }

  isCreator(host: Host): boolean {
    return [...this.#inventory.hosts.values()].some(h => this.creatorOf(h)?.name === host.name)
  }

  /** Its hypervisor's plan makes it. */
  announce(name: string): void {
    this.#said.add(name)
    this.#waiting.get(name)?.(true)
  }

  /** The hypervisors' plans are taken: whom none has named will not come. */
  close(): void {
    this.#over = true
    for (const [name, answer] of this.#waiting) answer(this.#said.has(name))
  }

  hasSaid(name: string): boolean {
    return this.#said.has(name)
  }

  /** Will it be made? Answered as soon as that is known. */
  willExist(name: string): Promise<boolean> {
    let answer = this.#answers.get(name)
    if (!answer) {
      answer =
        this.#said.has(name) || this.#over
          ? Promise.resolve(this.#said.has(name))
          : new Promise(resolve => this.#waiting.set(name, resolve))
      this.#answers.set(name, answer)
    }
    return answer
  }
}
