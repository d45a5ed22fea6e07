import { quote, TaskError } from '../../../lib/index.ts'

/**
 * Defines the shell function `v`: virsh, which tries again while libvirt's daemon is restarting (ten seconds; one where
 * it has no socket, so that nobody will wake it). A try whose answer got lost may have done its work: then there is
 * nothing left to do. Messages of a command that succeeds are part of its output. $in is its standard input.
 * What it says of a lost connection: libvirt's src/rpc/virnetsocket.c and virnetclient.c, tools/virsh.c.
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

/** Shell text that has a domain off after so many seconds, with its consent or without; VIRSH comes before it. */
export const shutDown = (
  name: string,
  seconds: number,
): string => `off() { [ "$(v domstate ${quote(name)})" = 'shut off' ]; }
off || v shutdown ${quote(name)} || :
for i in $(seq ${seconds}); do off && break; sleep 1; done
off || v destroy ${quote(name)}
`

/** What virsh answered; undefined when it could not, which is no error where a planned change may be what it lacks. */
export function libvirtSays(
  answer: { readonly code: number; readonly stdout: string; readonly stderr: string },
  doubt: boolean,
): string | undefined {
  if (answer.code === 0) return answer.stdout
  if (doubt) return undefined
  throw new TaskError('libvirt does not answer', { output: answer.stderr })
}
