// An API client: asks URL every 100 ms, each time over a new connection, until it gets SIGTERM; then prints JSON:
// how often it asked, how many requests failed (no answer within 5 s, or neither 200 nor 401), and the longest time
// without a good answer.
import { request } from 'node:https'

const [url] = process.argv.slice(2)
const good = []
const reasons = {}
let asked = 0
let failed = 0

const ask = () => {
  asked++
  let over = false
  const end = reason => {
    if (over) return
    over = true
    if (reason === undefined) return void good.push(performance.now())
    failed++
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  const asking = request(
    url,
    { rejectUnauthorized: false, agent: false, timeout: 5000 },
    answer => {
      answer.resume()
      answer.on('end', () =>
        end([200, 401].includes(answer.statusCode) ? undefined : String(answer.statusCode)),
      )
      answer.on('error', error => end(error.code ?? error.message))
    },
  )
  asking.on('timeout', () => asking.destroy(new Error('timeout')))
  asking.on('error', error => end(error.code ?? error.message))
  asking.end()
}

const timer = setInterval(ask, 100)
process.on('SIGTERM', () => {
  clearInterval(timer)
  const gaps = good.map((at, i) => (i === 0 ? 0 : at - good[i - 1]))
  const longestGapMs = Math.round(Math.max(0, ...gaps))
  process.stdout.write(`${JSON.stringify({ asked, failed, longestGapMs, reasons })}\n`, () =>
    process.exit(0),
  )
})
