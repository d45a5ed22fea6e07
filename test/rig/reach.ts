import { spawn } from 'node:child_process'
import type { Test } from 'tap'
import { enterLab } from '../../lib/lab/enter.ts'
import { type LabState } from '../../lib/lab/index.ts'
import { enterHostNetwork } from './host-network.ts'

/** One attempt to open something. */
export interface Attempt {
  /** Bound to; undefined: what the route gives. */
  readonly from?: string
  readonly to: string
  readonly proto: 'tcp' | 'udp'
  readonly port: number
}

/** Answers on every port that is free, over TCP and UDP. */
const LISTEN = `
const net = require('net'), dgram = require('dgram'), os = require('os')
const ports = JSON.parse(process.argv[1])
const own = Object.values(os.networkInterfaces()).flat().filter(a => a.family === 'IPv4').map(a => a.address)
let left = ports.reduce((n, p) => n + (p.proto === 'tcp' ? 1 : own.length), 0)
const ready = () => --left || console.log('ready')
for (const { proto, port } of ports) {
  if (proto === 'tcp') net.createServer(s => s.on('error', () => 0).end('x')).on('error', ready).listen(port, '0.0.0.0', ready)
  else for (const address of own) { // an answer must come from where it was asked
    const s = dgram.createSocket('udp4')
    s.on('message', (m, r) => s.send(m, r.port, r.address)).on('error', ready).bind(port, address, ready)
  }
}`

/**
 * Prints for each attempt whether there was an answer. UDP is asked six times. After a stall timers come before answers
 * that are there already: so each attempt looks once more before it gives up.
 */
const TRY = `
const net = require('net'), dgram = require('dgram')
const attempts = JSON.parse(process.argv[1]), ms = 8000
Promise.all(attempts.map(({ from, to, proto, port }) => new Promise(done => {
  if (proto === 'tcp') {
    const s = net.connect({ host: to, port, localAddress: from })
    const end = yes => (s.destroy(), done(yes))
    s.on('connect', () => end(true)).on('error', () => end(false))
    setTimeout(() => setImmediate(end, false), ms)
  } else {
    const s = dgram.createSocket('udp4')
    const end = yes => { try { s.close() } catch {} done(yes) }
    s.on('message', () => end(true)).on('error', () => end(false))
    s.bind(0, from, () => { for (const at of [0, 500, 1500, 2500, 4500, 6500]) setTimeout(() => { try { s.send('x', port, to, () => 0) } catch {} }, at) })
    setTimeout(() => setImmediate(end, false), ms)
  }
}))).then(all => { console.log(JSON.stringify(all)); process.exit() })`

/** In a host's network, in the lab's LAN (undefined), or in a network namespace by its path. */
const inside = (state: LabState, host: string | undefined, argv: readonly string[]): string[] =>
  host === undefined
    ? enterLab(state, argv)
    : host.startsWith('/')
      ? ['nsenter', `--net=${host}`, '--', ...argv]
      : enterHostNetwork(state, host, argv)

/** Listens there until the test ends. */
export async function listen(
  t: Test,
  state: LabState,
  host: string | undefined,
  ports: readonly Pick<Attempt, 'proto' | 'port'>[],
): Promise<void> {
  const [program = '', ...argv] = inside(state, host, [
    process.execPath,
    '-e',
    LISTEN,
    JSON.stringify(ports),
  ])
  const child = spawn(program, argv)
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise(resolve => child.stdout.once('data', resolve))
}

/** What of this gets an answer, tried all at once from there. */
export function reach(
  state: LabState,
  host: string | undefined,
  attempts: readonly Attempt[],
): Promise<boolean[]> {
  const [program = '', ...argv] = inside(state, host, [
    process.execPath,
    '-e',
    TRY,
    JSON.stringify(attempts),
  ])
  const child = spawn(program, argv)
  let out = ''
  child.stdout.on('data', (d: Buffer) => (out += d.toString()))
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      try {
        resolve(JSON.parse(out) as boolean[])
      } catch {
        reject(new Error(`no answer of the probe in ${host ?? 'lan'}: ${out}`))
      }
    })
  })
}
