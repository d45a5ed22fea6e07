// node proxy.js HALF_MS PORT=ADDRESS:PORT…: TCP proxies that delay every byte by HALF_MS in each direction.
// A connect() through them succeeds at once, which over a real line takes a round trip: so the far end is
// connected to three halves later (SYN, SYN-ACK, ACK), and what the client has sent until then waits.
import net from 'node:net'

const half = Number(process.argv[2])
const routes = process.argv.slice(3).map(text => /^(\d+)=(.+):(\d+)$/.exec(text)?.slice(1) ?? [])

const delayed = (from, to) => {
  from.on('data', chunk => setTimeout(() => to.destroyed || to.write(chunk), half))
  from.on('end', () => setTimeout(() => to.end(), half))
  from.on('error', () => to.destroy())
  from.on('close', () => setTimeout(() => to.destroy(), 2 * half))
}

const servers = routes.map(
  ([port, host, to]) =>
    new Promise(ready => {
      const server = net.createServer({ noDelay: true }, client => {
        const early = []
        const keep = chunk => early.push(chunk)
        client.on('data', keep).on('error', () => undefined)
        setTimeout(() => {
          const far = net.connect({ host, port: Number(to), noDelay: true })
          client.off('data', keep)
          for (const chunk of early) far.write(chunk)
          delayed(client, far)
          delayed(far, client)
        }, 3 * half)
      })
      server.listen({ port: Number(port), host: '127.0.0.1', backlog: 511 }, ready)
    }),
)
await Promise.all(servers)
process.stdout.write('ready\n')
