// An SSH server on loopback that means harm. The login name says how: `node hostile.js HOSTKEY`; prints its port.
import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'

const WORD = '01234567-89ab-cdef-0123-456789abcdef'
const BLOCK = Buffer.alloc(32 * 1024, 'x')

/** Writes what `next` gives for ever, as fast as it is taken; the other connections have their turns, too. */
const flood = (stream, next) => {
  let full = false
  stream.on('drain', () => (full = false))
  const go = () => {
    for (let i = 0; i < 100 && !full; i++) {
      if (stream.destroyed || !stream.writable) return
      full = !stream.write(next())
    }
    setTimeout(go, full ? 5 : 0)
  }
  go()
}
const drip = (stream, byte) => {
  const timer = setInterval(() => stream.writable && stream.write(byte), 1000)
  stream.on('close', () => clearInterval(timer))
}
const end = (channel, n, text) => {
  channel.write(`${text}\x1e${WORD}:${n}:000;`)
  channel.stderr.write(`\x1e${WORD}:${n};`)
}
const mine = `mine\x1e${WORD}:lock:`

/** What each does after it has greeted. */
const GREETED = {
  endless: c => flood(c, () => BLOCK),
  'endless-err': c => flood(c.stderr, () => BLOCK),
  bytes: c => flood(c, () => BLOCK.subarray(0, 1)),
  slow: c => drip(c, 'x'),
  huge: c => {
    c.write(Buffer.alloc(20 * 1024 * 1024, 'x'))
    end(c, 1, '')
  },
  'huge-lock': c => end(c, 1, `locked\n${'root 1 root x\n'.repeat(500_000)}\x1d${mine}`),
  sections: c => end(c, 1, mine + `\x1e${WORD}:s00000000:0;`.repeat(2000)),
  marks: c => {
    let n = 2
    flood(c, () => `\x1e${WORD}:${n++}:000;\x1e${WORD}:1`)
  },
  close: c => {
    c.write(`${mine}half an ans`)
    setTimeout(() => c.close(), 100)
  },
  vanish: (c, client) => {
    c.write(mine)
    setTimeout(() => client._sock.destroy(), 100)
  },
  silent: () => undefined,
  rekey: (c, client) => {
    const again = () => client.rekey(again)
    again()
  },
}
/** What each does instead of a greeting. */
const UNGREETED = {
  'endless-before': c => flood(c, () => BLOCK),
  'slow-before': c => drip(c, 'x'),
  'half-greeting': (c, client, tag) => {
    c.write(`\x1e${tag}:0:${WORD}:123:123;`)
    flood(c, () => BLOCK)
  },
  storm: (c, client, tag) => flood(c, () => `\x1e${tag}:0:${WORD}:1`),
}

/** The script in an exec request (lib/ssh/login-shell.ts). */
const decoded = command =>
  Buffer.from(command.split("' /bin/sh ")[1].replaceAll(' ', ''), 'base64').toString()

const serve = (client, name) => {
  client.on('session', accept =>
    accept().on('exec', (accepted, reject, { command }) => {
      const channel = accepted()
      channel.on('error', () => undefined)
      const tag = /\\036([0-9a-f]+):0:/.exec(decoded(command))?.[1]
      const before = UNGREETED[name]
      if (before) return before(channel, client, tag)
      channel.write(`\x1e${tag}:0:${WORD}:123:123;`)
      channel.stderr.write(`\x1e${WORD}:0;`)
      GREETED[name](channel, client)
    }),
  )
}

const server = new ssh2.Server({ hostKeys: [readFileSync(process.argv[2])] }, client => {
  let name = ''
  client.on('error', () => undefined)
  client.on('authentication', context => {
    name = context.username
    context.accept()
  })
  client.on('ready', () => serve(client, name))
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
