import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is true; gives the milliseconds it took, and fails after the limit. */
export async function until(
  what: () => Promise<boolean>,
  seconds: number,
  name: string,
): Promise<number> {
  const start = performance.now()
  while (!(await what())) {
    if (performance.now() - start > seconds * 1000)
      throw new Error(`${name}: not within ${seconds} s`)
    await sleep(50)
  }
  return performance.now() - start
}
