// The adversary's races, step by step: between two steps of a resource, the owner of the directory acts.
// Runs on this machine as root, in its own directory.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { COPY, PUBLISH, stage } from '../../lib/shell/staging.ts'

const MALLORY = 10001
const BOB = 10002
const base = mkdtempSync(join(tmpdir(), 'fmc-steps-'))
t.teardown(() => rmSync(base, { recursive: true, force: true }))

const sh = (script: string): { code: number; out: string } => {
  const done = spawnSync('timeout', ['-k', '1', '15', 'sh', '-ec', script], { encoding: 'utf8' })
  return { code: done.status ?? 128, out: `${done.stdout}${done.stderr}` }
}
const mallory = (script: string): string =>
  `setpriv --reuid=${MALLORY} --regid=${MALLORY} --clear-groups sh -c 'cd ${base}/home/dir 2>/dev/null; ${script}' >/dev/null 2>&1 || :`

const DIR = `${base}/home/dir`
const PATH = `${DIR}/name`

/** Before each case: Mallory's directory with files of root in it, and files of root and Bob elsewhere. */
const BUILD = `rm -rf ${base}/*; chmod 755 ${base}; umask 022
install -d -o ${MALLORY} -g ${MALLORY} ${base}/home ${DIR}
install -o ${MALLORY} -g ${MALLORY} -m 600 /dev/null ${PATH}; echo mallory >${PATH}
mkdir -m 700 ${DIR}/deputy; echo root >${DIR}/deputy/secret; echo root >${DIR}/lone; chmod 600 ${DIR}/lone ${DIR}/deputy/secret
for v in root:0:755 closed:0:700 bob:${BOB}:700; do n=\${v%%:*} m=\${v##*:} o=\${v#*:}; o=\${o%:*}
mkdir -p ${base}/$n/dir; for f in $n/name $n/dir/name; do echo $n >${base}/$f; chmod 600 ${base}/$f; done; chown -R $o:$o ${base}/$n; chmod $m ${base}/$n ${base}/$n/dir; done`

/** Files that only their owners may have touched, and all text of root's that Mallory could read, wherever it is. */
const LOOK = `cd ${base}; find root closed bob -printf '%p %m %U:%G %y %n %s\\n' -type f -exec cat {} + | sort
d=$(dirname "$(find home -name secret)"); stat -c '%a %u:%g' "$d" "$d/secret"; cat "$d/secret"
find home -type f ! '(' -uid 0 -perm 600 ')' -exec grep -lx root {} +`

const ACTS: Readonly<Record<string, string>> = {
  nothing: ':',
  'moves the private directory away': 'mv name.fmc-new away',
  'a link in the place of the private directory': `mv name.fmc-new away; ln -s ${base}/root name.fmc-new`,
  'a link to a root-only directory': `mv name.fmc-new away; ln -s ${base}/closed name.fmc-new`,
  'a directory of its own': `mv name.fmc-new away; mkdir name.fmc-new; ln -s ${base}/root/name name.fmc-new/new`,
  'a FIFO': 'mv name.fmc-new away; mkfifo name.fmc-new',
  'a directory of root’s that lies there': 'mv name.fmc-new away; mv deputy name.fmc-new',
  'its directory is a link to root’s': `cd ..; mv dir gone; ln -s ${base}/root dir`,
  'its directory is a link to a closed one': `cd ..; mv dir gone; ln -s ${base}/closed dir`,
  'its directory is a link to Bob’s': `cd ..; mv dir gone; ln -s ${base}/bob dir`,
  'its home is a link to Bob’s': `cd ../..; mv home/dir home/gone; ln -s ${base}/bob/dir home/dir`,
  'the name is a link': `rm name; ln -s ${base}/root/name name`,
  'the name is a directory': 'rm name; mkdir name',
  'the name is a FIFO': 'rm name; mkfifo name',
  'the name is root’s own file': 'mv lone name',
}
/** What Mallory has put there before. */
const BEFORE: Readonly<Record<string, string>> = {
  'nothing planted': ':',
  'an empty directory planted': 'mkdir name.fmc-new',
}
const make = (owner: string): string => `printf new >new; chown -h ${owner} new; chmod 0640 new`
const STEPS: Readonly<Record<string, readonly string[]>> = {
  'a file of root’s': [stage(PATH), make('0:0'), PUBLISH],
  'a file of Mallory’s': [stage(PATH), make(`${MALLORY}:${MALLORY}`), PUBLISH],
  'a file of Bob’s': [stage(PATH), make(`${BOB}:${BOB}`), PUBLISH],
  'a line': [stage(PATH), COPY, 'echo more >>new', PUBLISH],
}

const reset = (before: string): string => `${BUILD}\n${mallory(before)}`

for (const [what, steps] of Object.entries(STEPS))
  void t.test(what, t => {
    for (const [planted, before] of Object.entries(BEFORE)) {
      const was = sh(`${reset(before)}\n${LOOK}`).out
      for (const [act, script] of Object.entries(ACTS))
        for (let at = 1; at < steps.length; at++) {
          const title = `${planted}; after step ${at}: ${act}`
          const attacked = [...steps.slice(0, at), mallory(script), ...steps.slice(at)].join('\n')
          const done = sh(`${reset(before)}\n${attacked}`)
          const is = sh(LOOK).out
          if (was !== is) t.equal(is, was, `${title} (exit ${done.code}: ${done.out})`)
          if (done.code === 124) t.fail(`${title}: it hangs`)
        }
    }
    t.pass('nothing of anybody else’s was touched')
    t.end()
  })
