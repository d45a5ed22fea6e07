import { setTimeout as sleep } from 'node:timers/promises'
import type { Rig } from './lab.ts'

/** Does a new connection from the lab's LAN reach an sshd? */
export const answers = async (r: Rig, address: string): Promise<boolean> =>
  (await r.inLan('timeout', '1', 'bash', '-c', `head -c 4 </dev/tcp/${address}/22`)).stdout ===
  'SSH-'

/** What `body` comes to, and for how long nobody got in by SSH meanwhile: the longest time, in seconds. */
export async function outageOf<T>(
  r: Rig,
  address: string,
  body: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number }> {
  const done = new AbortController()
  const work = body().finally(() => done.abort())
  let [last, longest] = [performance.now(), 0]
  while (!done.signal.aborted) {
    if (await answers(r, address)) {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    await sleep(200)
  }
  return { result: await work, seconds: Math.round(longest / 100) / 10 }
}
