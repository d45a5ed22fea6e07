import { TaskError } from '../../lib/index.ts'

/** How the add-ons of a run get into the cluster; each step acts on one add-on and throws the error of its task. */
export interface Steps<A> {
  /** Has it kinds that must be there before its chart? */
  readonly hasKinds: (addOn: A) => boolean
  /** Writes what comes before the chart: the job for its kinds, and its secrets. */
  readonly prepare: (addOn: A) => Promise<void>
  /** Waits at most so many seconds until its kinds are applied. */
  readonly awaitKinds: (addOn: A, seconds: number) => Promise<void>
  /** Writes its chart, and the custom resources for its operator. */
  readonly write: (addOn: A) => Promise<void>
  /** Waits at most so many seconds until it is ready. */
  readonly awaitReady: (addOn: A, seconds: number) => Promise<void>
}

/** Seconds for the jobs of all kinds, and for all add-ons to be ready: nodes download images. */
const KINDS_SECONDS = 900
const READY_SECONDS = 1200
/** Seconds that an add-on gets in any case: what it waits for ran while fmc waited for others. */
const LEAST_SECONDS = 30

/**
 * Installs add-ons so that one that fails holds no other one up: everything that waits for nothing is written first, and a
 * gate that stays closed ends its own add-on only. Throws the first failure at the end.
 */
export async function install<A>(addOns: readonly A[], steps: Steps<A>): Promise<void> {
  const failures: unknown[] = []
  const works = async (work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof TaskError)) throw error
      failures.push(error)
      return false
    }
  }
  for (const addOn of addOns) await steps.prepare(addOn)
  const written = addOns.filter(addOn => !steps.hasKinds(addOn))
  for (const addOn of written) await steps.write(addOn)
  let left = clock(KINDS_SECONDS)
  for (const addOn of addOns.filter(steps.hasKinds))
    if (await works(() => steps.awaitKinds(addOn, left()))) {
      await steps.write(addOn)
      written.push(addOn)
    }
  left = clock(READY_SECONDS)
  for (const addOn of written) await works(() => steps.awaitReady(addOn, left()))
  if (failures.length > 0) throw failures[0]
}

/** Seconds that are left of so many, from now on. */
function clock(seconds: number): () => number {
  const end = performance.now() + seconds * 1000
  return () => Math.max(LEAST_SECONDS, Math.ceil((end - performance.now()) / 1000))
}
