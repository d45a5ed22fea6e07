import { setTimeout as sleep } from 'node:timers/promises'
import type { Rig } from './lab.ts'
import { until } from './until.ts'

/** Does a new connection from the lab's LAN reach an sshd? */
export const answers = async (r: Rig, address: string): Promise<boolean> =>
  (await r.inLan('timeout', '1', 'bash', '-c', `head -c 4 </dev/tcp/${address}/22`)).stdout ===
  'SSH-'

/** The result of `body`, and the longest time in seconds during which no SSH login succeeded meanwhile. */
export async function outageOf<T>(
  r: Rig,
  address: string,
  body: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number }> {
  const done = new AbortController()
  const work = body().finally(() => done.abort())
  let [last, longest] = [performance.now(), 0]
  const answered = async (): Promise<boolean> => {
    if (!(await answers(r, address))) return false
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    return true
  }
  while (!done.signal.aborted) {
    await answered()
    await sleep(200)
  }
  // `body` may have ended before the question that sees the end of the outage.
  await until(answered, 90, `${address} answers`)
  return { result: await work, seconds: Math.round(longest / 100) / 10 }
}
