// The code cache (lib/start.ts): what fmc keeps of V8's work, and whom it believes.
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from './rig/lab.ts'

/** A copy of fmc that is not a checkout, with an empty cache. */
function installed(t: Test) {
  const dir = t.testdir({ fmc: { lib: {} }, cache: {} })
  const root = join(dir, 'fmc')
  for (const part of ['dist', 'lib/bin.js', 'package.json'])
    cpSync(join(ROOT, part), join(root, part), {
      recursive: true,
      filter: path => !path.endsWith('.code'),
    })
  const cache = join(dir, 'cache')
  const code = join(cache, 'code')
  const env = { ...process.env, FMC_CACHE: cache }
  const start = `import { load, isWarm } from '${root}/dist/start.js'
load(process.argv[1])
console.log(isWarm())`
  return {
    dist: join(root, 'dist'),
    code,
    files: () => (existsSync(code) ? readdirSync(code) : []).map(name => join(code, name)),
    fmc: (...args: string[]) => run([process.execPath, join(root, 'lib/bin.js'), ...args], { env }),
    isWarm: async (command: string, ...flags: string[]) => {
      const argv = [process.execPath, ...flags, '--input-type=module', '-e', start, '--', command]
      const { stdout, stderr } = await run(argv, { env })
      return stdout.trim() || stderr
    },
  }
}

void t.test('the first run of a command makes the code cache, the next one uses it', async t => {
  const { dist, files, fmc, isWarm } = installed(t)
  t.equal(await isWarm('--help'), 'false')
  t.strictSame(files(), [], 'only a command writes it')
  const { code, stderr } = await fmc('--help')
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  t.equal(files().length, 1)
  t.equal(await isWarm('--help'), 'true')
  t.equal(await isWarm('play'), 'false', 'commands that plan have a larger one of their own')
  t.equal(await isWarm('--help', '--stack-size=2000'), 'false', 'of a V8 with other flags')
  t.strictSame(
    readdirSync(dist).filter(name => name.endsWith('.code')),
    [],
    'an installed fmc does not change',
  )
  const [file = ''] = files()
  const before = readFileSync(file)
  t.equal((await fmc('--help')).code, 0)
  t.ok(readFileSync(file).equals(before), 'it is written once')
})

void t.test('a code cache that does not fit or that others may write is not used', async t => {
  const { dist, files, fmc, isWarm } = installed(t)
  await fmc('--help')
  const [file = ''] = files()
  const good = readFileSync(file)
  const damaged = Buffer.from(good)
  damaged.writeUInt8(good.readUInt8(5000) ^ 1, 5000)
  for (const [name, bytes] of [
    ['one bit is wrong', damaged],
    ['cut', good.subarray(1000)],
    ['empty', Buffer.alloc(0)],
    ['only a tail', good.subarray(-40)],
  ] as const) {
    writeFileSync(file, bytes)
    t.equal(await isWarm('--help'), 'false', name)
    t.equal((await fmc('--help')).code, 0)
    t.equal(await isWarm('--help'), 'true', `${name}: it is made again`)
  }
  const bundle = join(dist, 'start.js')
  const text = readFileSync(bundle, 'utf8')
  const sum = createHash('sha256')
    .update(readFileSync(join(dist, 'fmc.js')))
    .digest('hex')
  t.ok(text.includes(sum))
  writeFileSync(bundle, text.replace(sum, sum.replaceAll(/[0-9]/g, '0')))
  t.equal(await isWarm('--help'), 'false', 'of another bundle')
  writeFileSync(bundle, text)
  chmodSync(file, 0o666)
  t.equal(await isWarm('--help'), 'false', 'every user may write it')
})

void t.test('without a cache directory that is its own, fmc works without one', async t => {
  const { code, files, fmc } = installed(t)
  chmodSync(join(code, '..'), 0o777)
  const { code: exit, stderr } = await fmc('--help')
  t.strictSame({ exit, stderr }, { exit: 0, stderr: '' })
  t.strictSame(files(), [])
})
