import { quote, TaskError } from '../../../lib/index.ts'

/**
 * Defines the shell function `v`: virsh with retries while libvirt's daemon restarts (for ten seconds; for one second
 * if its socket is missing, because then nothing starts it). A try whose answer got lost may have done its work; the
 * next try then fails with "already active" or the like, which counts as success. Messages of a successful command are
 * part of its output. $in is its standard input.
 * Messages of a lost connection: libvirt's src/rpc/virnetsocket.c and virnetclient.c, tools/virsh.c.
 */
export const VIRSH = `v() {
  n=0
  while :; do
    c=0; said=$(printf %s "\${in-}" | virsh -q -c qemu:///system "$@" 2>&1) || c=$?
    case $c:$said in
      0:*) [ -z "$said" ] || printf '%s\\n' "$said"; return 0 ;;
      *'ailed to connect socket'*'No such file'*) n=$((n + 10)) ;;
      *'ailed to connect socket'* | *'nd of file'* | *'socket is closed'* | *'Cannot recv data'* | *'Cannot write data'*) n=$((n + 1)) ;;
      *)
        case $n:$1:$said in
          0:*) ;;
          *start:*'already active'* | *destroy:*'is not running'* | *destroy:*'is not active'* | *:undefine:*'ailed to get domain'* | *:attach-device:*'already exists'*) return 0 ;;
        esac
        n=99 ;;
    esac
    [ $n -le 40 ] || { printf '%s\\n' "$said" >&2; return $c; }
    sleep 0.25
  done
}
`

/**
 * Shell text that shuts a domain down, and powers it off after this many seconds. It needs VIRSH before it. May fail:
 * shutdown, of a domain that cannot be asked; it is powered off then.
 */
export const shutDown = (
  name: string,
  seconds: number,
): string => `off() { [ "$(v domstate ${quote(name)})" = 'shut off' ]; }
off || v shutdown ${quote(name)} || :
for i in $(seq ${seconds}); do off && break; sleep 1; done
off || v destroy ${quote(name)}
`

/**
 * virsh's answer. Throws TaskError if libvirt does not answer; in doubt (an earlier planned change may start libvirt)
 * undefined instead.
 */
export function libvirtSays(
  answer: { readonly code: number; readonly stdout: string; readonly stderr: string },
  doubt: boolean,
): string | undefined {
  if (answer.code === 0) return answer.stdout
  if (doubt) return undefined
  throw new TaskError('libvirt does not answer', { output: answer.stderr })
}
