import type { OpenSession, Session } from '../../ssh/types.ts'

/** Knows whether anything is running on a host because of this run. */
export class Traffic {
  #underWay = 0

  /** Does no host work for this run now? */
  get quiet(): boolean {
    return this.#underWay === 0
  }

  /** Opens sessions whose commands and uploads are counted. */
  watch(open: OpenSession): OpenSession {
    return async (...args) => {
      const { session, first } = await open(...args)
      return { session: this.#watched(session), first: first && this.#count(first) }
    }
  }

  #watched(session: Session): Session {
    return new Proxy(session, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        const call = value.bind(target) as (...args: unknown[]) => unknown
        if (key !== 'run' && key !== 'upload') return call
        return (...args: unknown[]) => this.#count(call(...args) as Promise<unknown>)
      },
    })
  }

  #count<T>(work: Promise<T>): Promise<T> {
    this.#underWay++
    const done = (): void => {
      this.#underWay--
    }
    work.then(done, done)
    return work
  }
}
