// What root does in a directory of somebody else's, while that user strikes at every step: before each program that the
// scripts start, each of the attacks is played once, by a process of the user.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  access,
  COPY,
  makeDirectory,
  PUBLISH,
  receive,
  remove,
  SHOW,
  stage,
} from '../../lib/shell/staging.ts'

const USER = 65534
const SECRET = 'the secret'
const MINE = 'root’s own'
const SHELLS = ['/bin/dash', '/bin/bash --norc --posix'].filter(s =>
  existsSync(s.split(' ')[0] ?? ''),
)
const PROGRAMS = 'find stat readlink mkdir ls rm rmdir ln cp chown chmod sync mv cat sha256sum'
const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Every operation on D/name, and what stands there when it has succeeded. */
const OPERATIONS: Readonly<Record<string, { script: (d: string) => string; input?: string }>> = {
  'write a secret': {
    script: d =>
      `${stage(`${d}/name`)}\nprintf %s '${SECRET}' >new\nchown -h -- root:root new\nchmod -- 0600 new\n${SHOW}\n( cat "$fmc_candidate" >/dev/null )\nsync -- new\n${PUBLISH}`,
  },
  'append a line': {
    script: d => `${stage(`${d}/there`)}\n${COPY}\necho more >>new; sync -- new\n${PUBLISH}`,
  },
  'take a file over': {
    script: d => access(`${d}/there`, 'root:root', '0600', sumOf('old\n')),
  },
  'give a file another mode': { script: d => access(`${d}/there`, `${USER}:${USER}`, '0640') },
  'make directories': { script: d => makeDirectory(`${d}/x/y`, 'root:root', '0700') },
  'change a directory': { script: d => makeDirectory(`${d}/dir`, `${USER}:${USER}`, '0700') },
  'make a link': { script: d => `${stage(`${d}/name`)}\nln -s -- /nowhere new\n${PUBLISH}` },
  'remove a file': { script: d => remove(`${d}/there`) },
  'receive a file': { script: d => receive(`${d}/name`, SECRET.length), input: SECRET },
}

/** What the user does, once, in its directory $D; $V is a directory of root's with a file `new` and a file `name`. */
const ATTACKS: Readonly<Record<string, string>> = {
  'a link in the place of what is made': `for n in name there dir x; do rm -rf $n; ln -sf $V/name $n; done`,
  'a link in the place of the private directory': `for n in *.fmc-new; do mv $n gone.$$; ln -s $V $n; done; for n in name there x dir; do ln -sfn $V $n.fmc-new; done`,
  'a directory of its own in that place': `for n in *.fmc-new; do mv $n gone.$$; done; for n in name there x dir; do mkdir $n.fmc-new; chmod 700 $n.fmc-new; ln -s $V/name $n.fmc-new/new; ln -s $V/name $n.fmc-new/pin; done`,
  'a directory of root’s in that place': `for n in *.fmc-new; do mv $n gone.$$; done; for n in name there x dir; do [ ! -e deputy ] || mv deputy $n.fmc-new; done`,
  'a directory of root’s in the place of its own': `mv dir gone.$$; mv deputy dir; mv there gone.there; mv deputy.file there`,
  'a directory of root’s in the place of what is made': `mv x gone.x; mv name gone.name; mv deputy x`,
  'what is made under another name': `mv x moved`,
  'a FIFO everywhere': `for n in name there name.fmc-new there.fmc-new x x.fmc-new; do rm -rf $n; mv -T $n gone.$n; mkfifo $n; done`,
  'a link in the place of the directory': `mv $D $D.gone; ln -s $V $D`,
  'another directory of its own in its place': `mv $D $D.gone; mkdir $D; ln -s $V/name $D/name; ln -s $V/name $D/there`,
  'a hard link to what is its own': `ln there again; ln dir/f name`,
  'what can be seen is read': `cat *.fmc-new/new */new`,
}

interface Place {
  readonly root: string
  readonly d: string
  readonly victims: string
  readonly bin: string
}

/** A tree: root's directory with the victims, and a directory of the user's with D in it. */
function makePlace(root: string): Place {
  const [home, d, victims, bin] = ['home', 'home/d', 'victims', 'bin'].map(p => join(root, p))
  if (!home || !d || !victims || !bin) throw new Error('no place')
  chmodSync(root, 0o755)
  for (const dir of [home, d, victims, bin, `${d}/dir`, `${d}/deputy`]) mkdirSync(dir)
  for (const f of ['new', 'name', 'there']) writeFileSync(join(victims, f), `victim ${f}\n`)
  for (const f of ['new', 'name', 'there']) chmodSync(join(victims, f), 0o600)
  writeFileSync(`${d}/there`, 'old\n')
  writeFileSync(`${d}/dir/f`, 'f\n')
  writeFileSync(`${d}/deputy/other`, `${MINE}\n`)
  writeFileSync(`${d}/deputy.file`, `${MINE}\n`)
  chmodSync(`${d}/deputy`, 0o700)
  chmodSync(`${d}/deputy.file`, 0o600)
  chmodSync(victims, 0o755)
  for (const path of [home, d, `${d}/there`, `${d}/dir`, `${d}/dir/f`]) chownSync(path, USER, USER)
  return { root, d, victims, bin }
}

/** Programs that play the attack before the `at`th of them, and then make room for the real ones; the count stands in a file of root's. */
function shims({ bin, d, victims }: Place, attack: string, at: number): void {
  writeFileSync(`${bin}/attack`, `D=${d} V=${victims}\ncd $D || exit\necho struck\n${attack}\n`)
  writeFileSync(`${bin}/count`, '0')
  const names = PROGRAMS.split(' ')
  for (const name of names) {
    writeFileSync(
      `${bin}/${name}`,
      `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
read -r n <${bin}/count; n=$((n + 1)); echo $n >${bin}/count
[ $n != ${at} ] || { setpriv --reuid ${USER} --regid ${USER} --clear-groups timeout 5 sh ${bin}/attack >>${bin}/seen 2>/dev/null; rm ${names.map(n => `${bin}/${n}`).join(' ')}; }
exec ${name} "$@"
`,
      { mode: 0o755 },
    )
  }
}

interface Ran {
  readonly code: number | null
  readonly stderr: string
  /** The attack was played. */
  readonly struck: boolean
}

function play(place: Place, shell: string, script: string, input = ''): Ran {
  const [program = '', ...args] = shell.split(' ')
  const { status, stderr } = spawnSync(program, [...args, '-c', `( set -e\n${script}\n)`], {
    input,
    encoding: 'utf8',
    env: { PATH: `${place.bin}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: 'C' },
    timeout: 30_000,
  })
  const seen = `${place.bin}/seen`
  return {
    code: status,
    stderr,
    struck: existsSync(seen) && readFileSync(seen, 'utf8').startsWith('struck\n'),
  }
}

/** Everything below a directory: type, mode, owner, links, content. */
function tree(dir: string): string[] {
  return readdirSync(dir)
    .sort()
    .flatMap(name => {
      const path = join(dir, name)
      const s = lstatSync(path)
      const what = s.isSymbolicLink()
        ? readlinkSync(path)
        : s.isFile()
          ? readFileSync(path, 'utf8')
          : ''
      return [
        `${path} ${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.isDirectory() ? '' : s.nlink} ${what}`,
        ...(s.isDirectory() ? tree(path) : []),
      ]
    })
}

/**
 * What the user got of root's own things in its directory. It may move or remove root's file there, since the directory is
 * its own, and may so let that file be the one that is declared; it must neither read it nor change what root's directory holds.
 */
function gained({ root }: Place): string[] {
  const found = tree(join(root, 'home')).filter(line => line.includes(MINE))
  const kept = found.filter(line => line.endsWith(`/other 100644 0:0 1 ${MINE}\n`))
  return [
    ...(kept.length === 1 ? [] : [`root's directory does not hold its file: ${found.join()}`]),
    ...found.filter(line => !kept.includes(line) && !/ 100600 0:0 \d+ /.test(line)),
  ]
}

/** The paths of the files below a directory that hold the secret and that the user can read. */
function readable(dir: string): string[] {
  const { getegid, geteuid, getgroups, setegid, seteuid, setgroups } = process
  if (!getegid || !geteuid || !getgroups || !setegid || !seteuid || !setgroups) return []
  const groups = getgroups()
  setgroups([])
  setegid(USER)
  seteuid(USER)
  try {
    return holding(dir)
  } finally {
    seteuid(0)
    setegid(0)
    setgroups(groups)
  }
}

function holding(dir: string): string[] {
  const unlessRefused = <T>(read: () => T[]): T[] => {
    try {
      return read()
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EACCES') return []
      throw error
    }
  }
  return unlessRefused(() => readdirSync(dir, { withFileTypes: true })).flatMap(entry => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return holding(path)
    if (!entry.isFile()) return []
    return unlessRefused(() => (readFileSync(path, 'utf8').includes(SECRET) ? [path] : []))
  })
}

const skip = process.getuid?.() === 0 ? false : 'needs root: it acts as two users'

void t.test('nobody strikes', { skip }, t => {
  for (const shell of SHELLS)
    for (const [what, { script, input }] of Object.entries(OPERATIONS)) {
      const place = makePlace(mkdtempSync('/run/fmc-staging-'))
      shims(place, '', 0)
      const { code, stderr } = play(place, shell, script(place.d), input)
      t.equal(code, 0, `${shell}: ${what}: ${stderr}`)
      rmSync(place.root, { recursive: true })
    }
  t.end()
})

void t.test('the user strikes at every step', { skip, timeout: 900_000 }, t => {
  for (const [attack, text] of Object.entries(ATTACKS))
    void t.test(attack, t => {
      let [rounds, refused] = [0, 0]
      for (const [what, { script, input }] of Object.entries(OPERATIONS))
        for (let at = 1; ; at++) {
          const place = makePlace(mkdtempSync('/run/fmc-staging-'))
          const before = tree(place.victims)
          shims(place, text, at)
          const ran = play(place, SHELLS[at % SHELLS.length] ?? '/bin/sh', script(place.d), input)
          const here = `${what}, step ${at}: exit ${ran.code}: ${ran.stderr}`
          if (ran.struck) {
            rounds++
            if (ran.code !== 0) refused++
            same(t, tree(place.victims), before, `the victims: ${here}`)
            same(t, gained(place), [], `root’s own files: ${here}`)
            same(t, readable(place.root), [], `the secret cannot be read: ${here}`)
            if (ran.stderr.includes('victim')) t.fail(`a victim in the output: ${here}`)
          } else if (at === 1 || ran.code !== 0) t.fail(`nobody struck: ${here}`)
          rmSync(place.root, { recursive: true })
          // There were fewer steps.
          if (!ran.struck) break
        }
      t.pass(`${rounds} rounds, ${refused} refused`)
      t.end()
    })
  t.end()
})

/** Only what differs is reported: a thousand assertions say no more than one. */
function same(t: Test, found: unknown, wanted: unknown, message: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) t.strictSame(found, wanted, message)
}

void t.test('what is refused, and what is said', { skip }, t => {
  const place = makePlace(mkdtempSync('/run/fmc-staging-'))
  t.teardown(() => rmSync(place.root, { recursive: true }))
  shims(place, '', 0)
  const { d, root } = place
  symlinkSync(place.victims, `${d}/link`)
  symlinkSync(d, `${root}/root-link`)
  mkdirSync(`${root}/taken`)
  symlinkSync(place.victims, `${root}/taken/link`)
  lchownSync(`${root}/taken/link`, USER, USER)
  mkdirSync(`${root}/everybody/dir`, { recursive: true })
  chmodSync(`${root}/everybody`, 0o777)
  const cases: [string, string, RegExp | undefined][] = [
    [
      'a link of the user’s on the way',
      stage(`${d}/link/name`),
      /link is a link in a directory that other users may write/,
    ],
    [
      'root’s directory in the user’s',
      stage(`${d}/deputy/name`),
      /deputy belongs to root, but uid \d+, who owns a directory above it, could exchange it: chown \d+ /,
    ],
    ['a directory that everybody may write', stage(`${root}/everybody/dir/name`), /chmod \+t/],
    [
      'a link that a user left',
      stage(`${root}/taken/link/name`),
      /link is a link that root does not own/,
    ],
    ['no directory', stage(`${d}/none/name`), /there is no directory .*none/],
    [
      'a link of root’s on the way',
      `${stage(`${root}/root-link/name`)}\n: >new\n${PUBLISH}`,
      undefined,
    ],
  ]
  for (const [what, script, why] of cases) {
    const { code, stderr } = play(place, '/bin/sh', script)
    t.equal(code, why ? 73 : 0, `${what}: ${stderr}`)
    if (why) t.match(stderr, why, what)
  }
  t.strictSame(
    readdirSync(d).filter(n => n.endsWith('.fmc-new')),
    [],
    'nothing is left',
  )
  t.end()
})

// Where rename(2) says EXDEV (the owner changes the project id of an XFS directory meanwhile), mv makes directories by path.
void t.test('directories are made in their place, whatever is already there', { skip }, t => {
  const place = makePlace(mkdtempSync('/run/fmc-staging-'))
  t.teardown(() => rmSync(place.root, { recursive: true }))
  shims(place, '', 0)
  writeFileSync(`${place.bin}/mv`, '#!/bin/sh\nexit 99\n', { mode: 0o755 })
  const { d } = place
  chmodSync(d, 0o2755)
  mkdirSync(`${d}/left`, { mode: 0o700 })
  chmodSync(`${d}/left`, 0o2700)
  for (const path of ['one', 'a/b/c', 'left']) {
    const ran = play(place, '/bin/sh', makeDirectory(`${d}/${path}`, `${USER}:0`, '0750'))
    t.equal(ran.code, 0, `${path}: ${ran.stderr}`)
    const { mode, uid } = lstatSync(`${d}/${path}`)
    t.strictSame([mode & 0o7777, uid], [0o750, USER], path)
  }
  t.strictSame([lstatSync(`${d}/a`).mode & 0o7777, lstatSync(`${d}/a`).uid], [0o755, 0])
  const ran = play(place, '/bin/sh', makeDirectory(`${d}/none/x`, 'nosuch:root', '0750'))
  t.not(ran.code, 0)
  t.notOk(existsSync(`${d}/none`), 'nothing is left of what failed')
  t.end()
})
