/** On a balancer, root's alone: a file BACKEND,SERVER for each server that a run drains. It holds the pid of that run's shell there. */
export const MARKS = '/run/fmc-drained'

/**
 * A shell function: `fmc_held BACKEND SERVER` succeeds if another run of fmc that is at work has drained a different server of the backend, and
 * that one is not up in $csv, haproxy's table; it prints which and whose. A run is at work while the shell of its session holds the balancer's
 * /run/fmc.lock on descriptor 9 (lib/engine/host/lock-script.ts): what a killed run has left drained does not count. Ours is the
 * run whose shell is this one, or above it.
 */
export const HELD = `fmc_held() {
for f in ${MARKS}/"$1",*; do
[ -f "$f" ] || continue
m=\${f##*/}; m=\${m#*,}; pid=$(head -c 10 "$f")
case $pid in '' | *[!0-9]*) continue ;; esac
[ "$m" != "$2" ] && [ /proc/$pid/fd/9 -ef /run/fmc.lock ] || continue
! printf '%s\\n' "$csv" | awk -F, -v b="$1" -v s="$m" '$1 == b && $2 == s && $18 ~ /^UP/ { up = 1 } END { exit !up }' || continue
p=$$; while [ "\${p:-0}" -gt 1 ] && [ "$p" != "$pid" ]; do p=$(awk '$1 == "PPid:" { print $2 }' /proc/$p/status); done
[ "$p" != "$pid" ] || continue
printf '%s in %s: ' "$m" "$1"; grep -F "(shell pid $pid)" /run/fmc.lock | head -c 400
return 0
done
return 1
}`
