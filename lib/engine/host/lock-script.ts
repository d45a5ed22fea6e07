import { quote } from '../../shell/quote.ts'

/** The lock file, in a tmpfs: the only thing that a dry run writes on a host. */
export const LOCK_FILE = '/run/fmc.lock'
/** The next lock file, when the present one must be replaced. The run that replaces it holds flock on this one. */
const NEW_FILE = `${LOCK_FILE}.new`
/** Replacing the file takes a run a few processes. */
const TRIES = 50
/**
 * How long a run waits for a lock that another one holds, in whole seconds of a clock, so up to one less. The shell of a run
 * that is over, or was killed, may still be ending on a busy host, and a dry run or a round of `fmc drift` is short.
 */
export const PATIENCE_SECONDS = 4

/**
 * Prints a line for each process that holds flock on the lock file: "root PID USER COMMAND", or "other …" for a process
 * whose lock does not count. /proc/locks would name the flock(1) that has ended; /proc/PID/fdinfo (proc_pid_fdinfo(5))
 * shows the process that has the lock now. "root": all four user ids are 0 (proc_pid_status(5)), and the program is not
 * one that any user may start as root.
 */
const WHO = `_fmc_who() {
_i=$(stat -Lc %i $_f 2>/dev/null) || return 0
grep -rs "^lock:.*FLOCK .*:$_i 0 EOF" /proc/[0-9]*/fdinfo | while read -r _l; do
_p=\${_l#/proc/}; _d=\${_p#*/fdinfo/}; _d=\${_d%%:*}; _p=\${_p%%/*}
[ "$_p" != $$ ] && [ /proc/$_p/fd/$_d -ef $_f ] || continue
_u=; while read -r _a _b _c _d _e _; do [ "$_a" != Uid: ] || { _u="$_b $_c $_d $_e"; break; }; done 2>/dev/null </proc/$_p/status
case $_u in '') continue ;; '0 0 0 0') [ -u /proc/$_p/exe ] && _a=other || _a=root ;; *) _a=other ;; esac
printf '%s %s %s %s\\n' $_a $_p "$(id -nu $_b 2>/dev/null || echo $_b)" "$(tr -c '[:print:]' ' ' 2>/dev/null </proc/$_p/cmdline | head -c 200)"
done
}`

/** Opens a file on a descriptor; creates it with mode 0600. Prints what is wrong. `command exec` keeps the shell alive on failure. */
const open = (descriptor: 8 | 9, path: string): string =>
  `umask 077; { command exec ${descriptor}<>${path}; } 2>/dev/null; _r=$?; umask 022
[ $_r = 0 ] || { [ "$(id -u)" = 0 ] && printf open || printf root; return; }`

/** Writes our name into the lock file. Keeps the line of every other run that still holds the file: it may be the only trace of that run. */
const sign = (who: string): string => `_fmc_sign() {
_o=; [ $_k = -x ] || while read -r _l; do
_p=\${_l##*(shell pid }; _p=\${_p%)}
case $_p in *[!0-9]* | '' | $$) ;; *) [ ! /proc/$_p/fd/9 -ef $_f ] || _o="$_o$_l
" ;; esac
done <$_f
printf '%s%s (shell pid %d)\\n' "$_o" ${quote(who)} $$ >$_f
printf mine
}`

/**
 * Tries again until the time is over, with the file that is open on 9. /proc/uptime (proc_uptime(5)) is a clock that nobody
 * sets. Not every sleep(1) takes parts of a second.
 */
const wait = (seconds: number): string => `_fmc_wait() {
read -r _s _ </proc/uptime && _s=\${_s%.*} || return
while read -r _t _ </proc/uptime && [ $((\${_t%.*} - _s)) -lt ${seconds} ]; do
sleep 0.1 2>/dev/null || sleep 1
! flock -n $_k 9 || return 0
done
return 1
}`

/**
 * Takes flock(1) on descriptor 9, and prints "mine", or "flock", "open", "root" for what is wrong, or "locked", the
 * holders and what they wrote into the file. POSIX sh with the `-ef` of test that dash, bash and busybox have.
 *
 * A lock file that only root can open is kept; taking it costs two processes. If a process of root holds it, the script waits
 * for up to `seconds` before it says so. A file that others can open or may have open (and any link, FIFO, directory) is
 * replaced by a new one, unless a process of root holds it.
 *
 * Two runs never both win. A run that replaces the file makes NEW_FILE, then looks for holders, then renames NEW_FILE. A
 * run that takes the lock as it is locks the file, then looks for NEW_FILE, then checks that the path still is the file
 * that it has locked. Whatever the timing, one of the two sees the other.
 */
export const takeLock = (
  kind: 'exclusive' | 'shared',
  who: string,
  seconds = PATIENCE_SECONDS,
): string => `_f=${LOCK_FILE} _g=${NEW_FILE} _k=${kind === 'shared' ? '-s' : '-x'} _n=0
${WHO}
${sign(who)}
${wait(seconds)}
_fmc_private() { [ "$(stat -Lc '%f %u' /proc/self/fd/$1)" = '8180 0' ]; }
_fmc_odd() { [ -L $1 ] || { [ -e $1 ] && [ ! -f $1 ]; }; }
_fmc_held() { _h=$(_fmc_who); case "
$_h" in *"
root "*) ;; *) return 1 ;; esac; }
_fmc_tell() { printf 'locked\\n%s\\035' "$_h"; [ ! -f $_f ] || head -c 4000 $_f; }
_fmc_lock() {
command -v flock >/dev/null || { printf flock; return; }
while [ $_n -lt ${TRIES} ]; do
_n=$((_n + 1))
if ! _fmc_odd $_f; then
${open(9, LOCK_FILE)}
if _fmc_private 9; then
if flock -n $_k 9 || { _fmc_held && _fmc_wait; }; then
if [ ! -e $_g ] && [ ! -L $_g ] && [ /proc/self/fd/9 -ef $_f ]; then _fmc_sign; return; fi
elif _fmc_held; then _fmc_tell; return; fi
fi
exec 9>&-
fi
! _fmc_odd $_g || rm -f $_g || rmdir $_g || { printf open; return; }
${open(8, NEW_FILE)}
if ! _fmc_private 8; then rm -f $_g
elif ! flock -n 8; then sleep 0.1
elif [ /proc/self/fd/8 -ef $_g ]; then _fmc_mend && return; fi
exec 8>&- 9>&-
done
_h=; _fmc_tell
}
_fmc_mend() {
if _fmc_odd $_f; then
if _fmc_held; then _fmc_tell; rm -f $_g; return; fi
[ -L $_f ] || [ ! -d $_f ] || rmdir $_f || { printf open; rm -f $_g; return; }
else
${open(9, LOCK_FILE)}
if flock -n 9; then
if _fmc_private 9; then rm -f $_g; flock -n $_k 9 && _fmc_sign; return; fi
elif _fmc_held; then
rm -f $_g
if [ $_k = -s ] && flock -n -s 9; then _fmc_sign; else _fmc_tell; fi
return
elif [ -z "$_h" ] && _fmc_private 9; then rm -f $_g; return 1; fi
fi
mv -fT $_g $_f || { printf open; return; }
exec 9<&8
flock -n $_k 9 && _fmc_sign
}
_fmc_lock
exec 8>&-
unset -f _fmc_who _fmc_sign _fmc_private _fmc_odd _fmc_held _fmc_tell _fmc_lock _fmc_mend _fmc_wait`
