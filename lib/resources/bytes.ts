/** At most so often the number of bytes is said. */
const EVERY_MS = 250

const MB = 1_000_000

const amount = (bytes: number): string =>
  bytes < MB ? `${Math.ceil(bytes / 1000)} kB` : `${Math.round(bytes / MB)} MB`

/**
 * How far a transfer is, in words: "downloading, 34 MB of 72 MB", four times a second at most.
 *
 *     bytesSaid('downloading', console.log)(34_000_000, 72_000_000)
 *
 * `size`: undefined where the server does not tell it.
 */
export function bytesSaid(
  what: string,
  say: (text: string) => void,
): (done: number, size: number | undefined) => void {
  let last = -Infinity
  return (done, size) => {
    const now = performance.now()
    if (now - last < EVERY_MS) return
    last = now
    const all = size === undefined ? '' : ` of ${amount(size)}`
    say(`${what}, ${amount(done)}${all}`)
  }
}
