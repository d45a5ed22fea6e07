// Servers of this machine's Node in a lab host's network: they stand in for what runs in the cluster.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import { enterHostNetwork } from './host-network.ts'
import { run, type Rig } from './lab.ts'

/** Runs a script that prints when it listens, in a host's network; it ends with the test. */
export async function serve(
  t: Test,
  r: Rig,
  host: string,
  script: string,
): Promise<{ stop(): Promise<void> }> {
  const [command = '', ...args] = enterHostNetwork(r.state, host, [process.execPath, '-e', script])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
  const stop = (): Promise<void> => (child.kill('SIGKILL'), ended)
  t.teardown(stop)
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('close', () => reject(new Error(`the server on ${host} ended`)))
  })
  return { stop }
}

/** A directory with key.pem and cert.pem for apiServer. */
export async function certificate(t: Test): Promise<string> {
  const dir = t.testdir()
  const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')]
  const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=k3s', '-days', '2']
  const { code, stderr } = await run(['openssl', 'req', ...kind, ...files])
  if (code !== 0) throw new Error(stderr)
  return dir
}

/** K3s's answer on /readyz: 401 to a client without a token, 503 before its API server is up. */
export const apiServer = (dir: string, name: string, code: number): string => `
  const tls = { key: fs.readFileSync('${dir}/key.pem'), cert: fs.readFileSync('${dir}/cert.pem') }
  https.createServer(tls, (q, a) => { a.statusCode = q.url === '/readyz' ? ${code} : 200; a.end('${name}') })
    .listen(6443, () => console.log('up'))`

/**
 * In the place of Traefik, on port 80 and on 443 without TLS: answers with the client's address in the PROXY header
 * (version 1 or 2), and 400 to who brings none.
 */
export const webServer = (name: string): string => `
  const answer = socket => socket.on('error', () => {}).once('data', d => {
    const client = d.readUInt32BE(0) === 0x0d0a0d0a && d[13] === 0x11
      ? [...d.subarray(16, 20)].join('.') : /^PROXY TCP4 (\\S+)/.exec(d)?.[1]
    socket.end(client ? 'HTTP/1.0 200 OK\\r\\n\\r\\n${name} ' + client : 'HTTP/1.0 400 Bad Request\\r\\n\\r\\n')
  })
  net.createServer(answer).listen(443, () => net.createServer(answer).listen(80, () => console.log('up')))`

/** In the place of a Traefik that is not told clients' addresses: whom it sees itself. */
export const plainWebServer = (name: string): string => `
  const answer = (q, a) => a.end('${name} ' + q.socket.remoteAddress.replace(/^.*:/, ''))
  http.createServer(answer).listen(443, () => http.createServer(answer).listen(80, () => console.log('up')))`
