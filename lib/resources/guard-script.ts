import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { quote, quoteAll } from '../shell/quote.ts'
import { withAncestors } from '../shell/staging.ts'

/** The shell scripts behind `guarded`, and the state that they keep on the host. */
const ROOT = '/var/lib/fmc/guard'
const UNITS = '/etc/systemd/system'
/** Time limit of the role's own undo text. */
const UNDO_SECONDS = 120
/** How long an undo waits for a change that is still being made. */
const CHANGE_SECONDS = 20

interface GuardTexts {
  /** Paths to restore: files, directories, links, or their absence. */
  readonly files: readonly string[]
  /** Shell text that runs in the guard's directory when the guard is armed. */
  readonly save: string
  /** Shell text that runs there after the files have been restored. */
  readonly undo: string
  readonly seconds: number
  /** User, machine and process that arm it, for people. */
  readonly who: string
}

const dirOf = (name: string): string => `${ROOT}/${name}`
/** Where the copies are after a failed undo, until a run reports it. */
export const copiesOf = (name: string): string => dirOf(name)
/** Where they are after that report: one directory per failure. */
export const keptCopiesOf = (name: string, { at }: { readonly at: string }): string =>
  `${dirOf(name)}.failed-${at}`
const unitOf = (name: string): string => `fmc-guard-${name}`

/** Shell text that removes the timer. */
const over = (name: string): string => {
  const unit = unitOf(name)
  return `systemctl -q stop ${unit}.timer 2>/dev/null || :
rm -f ${UNITS}/timers.target.wants/${unit}.timer ${UNITS}/${unit}.timer ${UNITS}/${unit}.service
systemctl daemon-reload`
}

/**
 * The script that the timer runs. The guard's state is the name of one file in its directory. rename(2) changes the state,
 * so undo and confirmation cannot both win: armed → undoing → undone, or armed → confirmed → nothing.
 * After a power cut during the undo, the undo starts again at boot; after one during the confirmation, the timer tidies up.
 */
const undoScript = (name: string): string => `#!/bin/sh
# fmc's guard "${name}": puts back what was there before a change that nobody confirmed.
cd ${dirOf(name)} || exit 0
{
over() {
${over(name)}
}
if ! [ -e undoing ] && ! mv armed undoing 2>/dev/null; then
  if [ -e confirmed ]; then over; rm -rf ${dirOf(name)}; fi
  exit 0
fi
# A change that a lost connection has left running ends first. A new one does not begin: it looks for the file armed.
[ ! -e lock ] || flock -w ${CHANGE_SECONDS} lock true || :
bad=0
for p in *.path; do
  [ -e "$p" ] || continue
  IFS= read -r to <"$p"
  from=\${p%.path}.copy
  if [ -e "$from" ] || [ -L "$from" ]; then
    mkdir -p -- "$(dirname -- "$to")"
    rm -rf -- "$to.fmc-new"
    if cp -a -- "$from" "$to.fmc-new"; then
      if [ -d "$to" ] && ! [ -L "$to" ]; then rm -rf -- "$to"; fi
      mv -fT -- "$to.fmc-new" "$to" || bad=74
    else
      rm -rf -- "$to.fmc-new"
      bad=74
    fi
  else
    rm -rf -- "$to" || bad=74
  fi
done
systemctl daemon-reload
timeout -k 5 ${UNDO_SECONDS} sh ./role-undo
code=$?
[ $code != 0 ] || code=$bad
sync
read -r armed <undoing
mark() { printf '%s %s %s\\n' "$(date -u +%FT%TZ)" $code "$armed" >undone.new; }
# A full disk has no room for the mark: that of what has just been run.
mark || { rm -f role-undo; mark; }
mv undone.new undone
rm -f undoing
[ $code != 0 ] || find . -mindepth 1 ! -name undone -delete
over
exit $code
}
`

const timer = (name: string, seconds: number): string => `[Unit]
Description=fmc: undoes the change "${name}" unless it is confirmed
[Timer]
OnActiveSec=${seconds}
AccuracySec=100ms
`

const service = (name: string): string => `[Unit]
Description=fmc: undoes the change "${name}", which nobody has confirmed
[Service]
Type=oneshot
ExecStart=/bin/sh ${dirOf(name)}/undo
`

/** Shell text that fails while the undo runs, even before the undo has changed the state. */
const refuseWhileUndoing = (name: string): string =>
  `case "$(systemctl is-active ${unitOf(name)}.service)" in *activating | active | reloading)
  echo ${quote(`the guard ${name} is rolling back an unconfirmed change; retry in a moment`)} >&2; exit 75 ;;
esac`

/** Refuses a file in an open directory: the undo works by path, so only root may be able to change where the path leads. */
const refuseOpen = (file: string): string =>
  `_d=$(find ${quoteAll(withAncestors(dirname(file)))} -maxdepth 0 ! '(' -type d -uid 0 ! -perm /022 ')' 2>/dev/null; find ${quote(file)} -maxdepth 0 -type d '(' ! -uid 0 -o -perm /022 ')' 2>/dev/null) || :
[ -z "$_d" ] || { printf '%s\\n' ${quote(`a guard cannot restore ${file}: root must own it and every directory above it, only root may write there, and none of them may be a link`)} >&2; exit 73; }`

/**
 * Shell text after arming or renewing: the script that makes the change keeps the undo waiting until it has ended, and ends now
 * if the guard has fired. Without this, a change that outlives its connection could replace a file after the undo.
 */
const holdScript = (name: string): string =>
  `exec 7<${dirOf(name)}/lock && flock -s -w ${CHANGE_SECONDS} 7 && [ -e ${dirOf(name)}/armed ] || { echo ${quote(`the guard ${name} has fired: its changes have been undone`)} >&2; exit 75; }`

/**
 * Shell text that arms the guard: first the copies, then the mark, then the timer. A guard that an interrupted run has left
 * armed is taken over with its copies, which are of the last good state; its timer restarts.
 */
export const armScript = (name: string, t: GuardTexts): string => {
  const unit = unitOf(name)
  const write = (path: string, text: string): string => `printf %s ${quote(text)} >${path}`
  const keep = t.files.map(f => {
    const key = createHash('sha256').update(f).digest('hex').slice(0, 16)
    return `[ -e ${key}.path ] || { rm -rf ${key}.copy; if [ -e ${quote(f)} ] || [ -L ${quote(f)} ]; then cp -a -- ${quote(f)} ${key}.copy; find ${key}.copy -name '*.fmc-new' -prune -exec rm -rf -- {} +; fi; printf '%s\\n' ${quote(f)} >${key}.path; }`
  })
  return `( set -e; umask 077
${t.files.map(refuseOpen).join('\n')}
systemctl -q stop ${unit}.timer 2>/dev/null || :
${refuseWhileUndoing(name)}
mkdir -p -m 0755 /var/lib/fmc; mkdir -p -m 0700 ${ROOT}
[ -e ${dirOf(name)}/armed ] || { rm -rf ${dirOf(name)}; mkdir -m 0700 ${dirOf(name)}; }
cd ${dirOf(name)}
: >>lock
${keep.join('\n')}
if ! [ -e armed ]; then
${write('undo', undoScript(name))}
${write('role-undo', t.undo)}
( ${t.save === '' ? ':' : t.save} )
sync -f .
printf '%s %s\\n' "$(date -u +%FT%TZ)" ${quote(t.who)} >armed.new
mv armed.new armed
fi
umask 022
${write(`${UNITS}/${unit}.service`, service(name))}
${write(`${UNITS}/${unit}.timer`, timer(name, t.seconds))}
mkdir -p ${UNITS}/timers.target.wants
ln -sfn ${UNITS}/${unit}.timer ${UNITS}/timers.target.wants/${unit}.timer
sync -f .; sync -f ${UNITS}
systemctl daemon-reload
systemctl start ${unit}.timer
systemctl -q is-active ${unit}.timer )
${holdScript(name)}`
}

/** Shell text before every further change: restarts the timer, or fails if the guard has fired. */
export const renewScript = (name: string): string =>
  `( fired() { echo ${quote(`the guard ${name} has fired: its changes have been undone`)} >&2; exit 75; }
[ -e ${dirOf(name)}/armed ] || fired
systemctl -q restart ${unitOf(name)}.timer || fired
${refuseWhileUndoing(name)}
[ -e ${dirOf(name)}/armed ] || fired )
${holdScript(name)}`

/**
 * Shell text that prints the state: nothing, or one line that begins with its name; `left` for a directory without a state,
 * in which arming or tidying up was interrupted. Builtins only.
 */
export const stateScript = (name: string): string =>
  `cd ${dirOf(name)} 2>/dev/null || exit 0; for s in confirmed undoing undone armed; do if [ -e $s ]; then IFS= read -r l <$s; printf '%s %s\\n' $s "$l"; exit 0; fi; done; echo left`

/** Shell text that removes the guard unless it has fired, and then prints the state. */
export const confirmScript = (name: string): string => `( cd ${dirOf(name)} 2>/dev/null || exit 0
if [ -e confirmed ] || mv armed confirmed 2>/dev/null; then
set -e
${over(name)}
rm -rf ${dirOf(name)}
fi
${stateScript(name)} )`

/** Shell text that removes what an interrupted confirmation or an interrupted arming has left. */
export const tidyScript = (name: string): string => `( set -e
[ ! -e ${dirOf(name)}/armed ] && [ ! -e ${dirOf(name)}/undoing ] && [ ! -e ${dirOf(name)}/undone ]
${over(name)}
rm -rf ${dirOf(name)} )`

/**
 * Shell text that undoes the guarded changes at once, and then prints the state. Arming may have failed before the unit was
 * complete: then the undo runs without it.
 */
export const undoNowScript = (name: string): string =>
  `( if [ -e ${dirOf(name)}/armed ]; then systemctl start ${unitOf(name)}.service; [ ! -e ${dirOf(name)}/armed ] || sh ${dirOf(name)}/undo; fi; ${stateScript(name)} )`

/** Shell text that removes the mark of a reported undo. Copies that could not be restored stay. */
export const forgetScript = (
  name: string,
  undone: { readonly at: string; readonly code: number },
): string =>
  undone.code === 0 ? `rm -rf ${dirOf(name)}` : `mv -T ${dirOf(name)} ${keptCopiesOf(name, undone)}`

/** A guard's state on the host. */
export type GuardState =
  | { readonly is: 'none' | 'undoing' | 'left' }
  | { readonly is: 'armed'; readonly armed: string }
  | {
      readonly is: 'undone'
      /** UTC. */
      readonly at: string
      /** Exit code of the role's undo text, or 74 when a file could not be restored; then the copies are still there. */
      readonly code: number
      readonly armed: string
    }

/** Parses the output of `stateScript`; undefined for anything else. */
export const stateOf = (text: string): GuardState | undefined => {
  const line = text.trim()
  if (line === '') return { is: 'none' }
  if (line === 'left' || line.startsWith('confirmed')) return { is: 'left' }
  if (line.startsWith('undoing')) return { is: 'undoing' }
  const armed = /^armed (\S+ .+)$/.exec(line)?.[1]
  if (armed !== undefined) return { is: 'armed', armed }
  const [, at, code, who] = /^undone (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (\d+) (.*)$/.exec(line) ?? []
  if (at === undefined) return undefined
  return { is: 'undone', at, code: Number(code), armed: who ?? '' }
}
