// Sessions that stay open from one run to the next.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { TaskError, UnreachableError } from '../../lib/errors.ts'
import { KeptSessions } from '../../lib/ssh/kept.ts'
import type { OpenSession, Output, ScriptOptions, Target } from '../../lib/ssh/types.ts'

const OK: Output = { code: 0, stdout: '', stderr: '' }
const target = (name: string, more: Partial<Target> = {}): Target => ({
  ...{ name, address: name, port: 22, user: 'root', sudo: false, ...more },
})

/** A host that says what it was asked; `answer` decides how. */
class Host {
  readonly scripts: string[] = []
  readonly options: (ScriptOptions | undefined)[] = []
  opened = 0
  closed = 0
  lose: () => void = () => undefined
  answer: (script: string) => Promise<Output> = () => Promise.resolve(OK)

  readonly open: OpenSession = (to, boot) => {
    this.opened++
    let lost: UnreachableError | undefined
    let reject: (error: Error) => void = () => undefined
    const end = (why: string): void => {
      lost ??= new UnreachableError(`${to.name}: ${why}`)
      reject(lost)
    }
    this.lose = () => end('connection lost')
    const run = (script: string, options?: ScriptOptions): Promise<Output> => {
      this.scripts.push(script)
      this.options.push(options)
      if (lost) return Promise.reject(lost)
      const gone = new Promise<never>((_, no) => (reject = no))
      return Promise.race([gone, this.answer(script)])
    }
    const session = {
      ...{ target: to, trips: 0, word: `word${this.opened}`, shellPid: 7, run },
      get lost() {
        return lost !== undefined
      },
      upload: () => Promise.resolve(),
      connected: () => Promise.reject(new Error('a double')),
      interrupt: () => Promise.resolve(),
      close: () => {
        this.closed++
        end('the session was closed')
      },
    }
    return Promise.resolve({ session, first: boot === undefined ? undefined : run(boot) })
  }
}

/** One run: its first script, one more, and the end. */
async function use(kept: KeptSessions, to: Target, boot = 'boot'): Promise<string> {
  const { session, first } = await kept.open(to, boot, { timeoutMs: 5 })
  try {
    await first
    await session.run('question')
    return session.word
  } finally {
    session.close()
  }
}

void t.test('the second run uses the same connection, and each gives the lock back', async t => {
  const host = new Host()
  const kept = new KeptSessions(host.open)
  t.equal(await use(kept, target('a')), 'word1')
  t.equal(await use(kept, target('a')), 'word1')
  t.equal(host.opened, 1)
  t.same(host.scripts, ['boot', 'question', 'exec 9>&-', 'boot', 'question', 'exec 9>&-'])
  t.same(host.options[3], { timeoutMs: 5, marked: true }, 'its first script spells marks')
  t.equal(host.closed, 0)
  kept.close()
  t.equal(host.closed, 1)
})

void t.test('what was lost in between is opened again, in the same call', async t => {
  const host = new Host()
  const kept = new KeptSessions(host.open)
  await use(kept, target('a'))
  host.lose()
  t.equal(await use(kept, target('a')), 'word2', 'known to be lost')
  const first = host.answer
  host.answer = () => {
    host.answer = first
    host.lose()
    return new Promise(() => undefined)
  }
  t.equal(await use(kept, target('a')), 'word3', 'lost when it was asked')
})

void t.test('another way to a host, and a host that is gone from the inventory', async t => {
  const host = new Host()
  const kept = new KeptSessions(host.open)
  await use(kept, target('a'))
  t.equal(await use(kept, target('a', { port: 2222 })), 'word2')
  t.equal(host.closed, 1, 'the old connection is closed')
  await use(kept, target('b'))
  kept.keepOnly(new Set(['b']))
  t.equal(host.closed, 2)
  t.equal(await use(kept, target('b')), 'word3')
})

void t.test('a second session while the first one is in use is the caller’s own', async t => {
  const host = new Host()
  const kept = new KeptSessions(host.open)
  const one = await kept.open(target('a'), 'boot')
  const two = await kept.open(target('a'), 'boot')
  t.not(one.session.word, two.session.word)
  two.session.close()
  t.equal(host.closed, 1, 'really closed')
  one.session.close()
  t.equal(host.closed, 1, 'kept')
})

void t.test(
  'a host that does not answer in time is unreachable, and the others are not',
  async t => {
    const [quick, slow] = [new Host(), new Host()]
    const kept = new KeptSessions((to, ...rest) =>
      (to.name === 'slow' ? slow : quick).open(to, ...rest),
    )
    await Promise.all([use(kept, target('slow')), use(kept, target('quick'))])
    slow.answer = () => new Promise(() => undefined)
    const begin = performance.now()
    const [a, b] = await kept.within(100, () =>
      Promise.allSettled([use(kept, target('slow')), use(kept, target('quick'))]),
    )
    t.ok(performance.now() - begin < 2000)
    t.match(a, {
      status: 'rejected',
      reason: { message: /^slow: no answer within 0\.1 s$/, silent: true },
    })
    t.match(b, { status: 'fulfilled', value: 'word1' })
    t.equal(slow.opened, 1, 'it is not tried again in the same cycle')
    slow.answer = () => Promise.resolve(OK)
    t.equal(await kept.within(100, () => use(kept, target('slow'))), 'word2', 'but in the next one')
  },
)

void t.test('a connection that is made too late is closed', async t => {
  const host = new Host()
  const kept = new KeptSessions(async (...args) => {
    await sleep(150)
    return host.open(...args)
  })
  await t.rejects(
    kept.within(50, () => use(kept, target('a'))),
    /no answer within/,
  )
  await sleep(200)
  t.equal(host.opened, 1)
  t.equal(host.closed, 1)
})

void t.test(
  'a first script that fails is the caller’s failure, and the connection stays',
  async t => {
    const host = new Host()
    const kept = new KeptSessions(host.open)
    await use(kept, target('a'))
    host.answer = script =>
      script === 'boot' ? Promise.reject(new TaskError('too much')) : Promise.resolve(OK)
    const { session, first } = await kept.open(target('a'), 'boot')
    await t.rejects(async () => {
      await first
    }, /too much/)
    t.equal((await session.run('smaller')).code, 0)
    t.equal(host.opened, 1)
  },
)

void t.test(
  'a host that is cut off costs a run one attempt to connect, then almost nothing',
  async t => {
    const [quick, cut] = [new Host(), new Host()]
    let dead = false
    const isDead = (): boolean => dead
    const attempts: (number | undefined)[] = []
    let giveUp: AbortSignal | undefined
    /** As a network without the host: nothing answers, and a connection takes its whole time to fail. */
    const kept = new KeptSessions(
      async (to, ...rest) => {
        if (to.name === 'quick') return quick.open(to, ...rest)
        const ms = to.connectTimeoutMs ?? 300
        attempts.push(ms)
        giveUp = to.giveUp
        if (!isDead()) return cut.open(to, ...rest)
        await sleep(ms)
        if (!isDead()) return cut.open(to, ...rest)
        throw new UnreachableError(`no answer within ${ms} ms`, { silent: true })
      },
      { connectMs: 300, againMs: 50 },
    )
    const cycle = async () => {
      const begin = performance.now()
      const [a, b] = await Promise.allSettled([
        use(kept, target('cut')),
        use(kept, target('quick')),
      ])
      t.equal(b.status, 'fulfilled')
      return { a, ms: performance.now() - begin }
    }
    t.match(await cycle(), { a: { status: 'fulfilled', value: 'word1' } })
    // The keepalive notices after 100 ms; the rest of the time is for a new connection.
    dead = true
    cut.answer = async () => {
      await sleep(100)
      cut.lose()
      return new Promise(() => undefined)
    }
    const first = await cycle()
    t.match(first.a, { status: 'rejected', reason: { silent: true } })
    t.ok(first.ms < 450, `the first run: ${first.ms} ms`)
    t.ok((attempts.at(-1) ?? 0) <= 200, 'both together take no longer than a connection')
    for (const n of [2, 3, 4]) {
      const later = await cycle()
      t.match(later.a, { status: 'rejected', reason: { message: /no answer within/ } })
      t.ok(later.ms < 200, `run ${n}: ${later.ms} ms`)
    }
    t.equal(attempts.length, 3, 'one attempt goes on beside these runs')
    cut.answer = () => Promise.resolve(OK)
    dead = false
    await sleep(350)
    t.match(await cycle(), { a: { status: 'fulfilled', value: 'word2' } }, 'and it is there again')
    t.equal(cut.opened, 2)

    dead = true
    cut.lose()
    await cycle()
    await cycle()
    kept.close()
    t.ok(giveUp?.aborted, 'no attempt outlives the watch')
    const { closed } = cut
    dead = false
    await sleep(350)
    t.equal(cut.closed, closed + cut.opened - 2, 'nor does a connection that one still makes')
  },
)

void t.test('two who wait for a missing host do not share its session', async t => {
  const host = new Host()
  let dead = true
  const kept = new KeptSessions(
    async (...args) => {
      await sleep(60)
      if (dead) throw new UnreachableError('no answer')
      return host.open(...args)
    },
    { connectMs: 100, againMs: 50 },
  )
  await t.rejects(use(kept, target('a')))
  dead = false
  await t.rejects(use(kept, target('a')), /no answer/, 'the attempt goes on')
  const [one, two] = await Promise.all([kept.open(target('a')), kept.open(target('a'))])
  t.not(one.session.word, two.session.word)
})
