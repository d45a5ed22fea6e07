import { quote } from '../../shell/quote.ts'
import { cleanLine } from '../../text/sanitise.ts'
import type { Event } from '../events.ts'
import type { Run } from '../settings.ts'
import type { HostRun } from './host-run.ts'

/** Where a host keeps who has changed it. It is there when the controller and its records are gone. */
export const AUDIT_FILE = '/var/log/fmc.log'
/** A larger file becomes AUDIT_FILE.1, in place of the one before. */
const MAX_BYTES = 1024 * 1024
/** If that cannot be, because somebody has put a directory there, it grows to so many times this size. */
const MOST_TIMES = 4
/** Of a line. */
const MAX_LINE = 2000
const TIMEOUT_MS = 10_000

/**
 * The audit of one run: on each host that it has changed one line in AUDIT_FILE, with when, who, from where, the command, and
 * the tasks that changed something or failed. Takes the events, in which secrets are replaced.
 */
export class Audit {
  readonly #by: string | undefined
  readonly #tasks = new Map<string, string[]>()
  #applying = false

  /** `by`: who runs which command; undefined: no audit. */
  constructor(by: string | undefined) {
    this.#by = by
  }

  note(event: Event): void {
    if (event.type === 'pass') this.#applying = event.pass === 'apply' && event.state === 'start'
    if (event.type !== 'task' || !this.#applying) return
    const failed = event.status === 'failed' || event.status === 'unreachable'
    if (!failed && (event.status !== 'changed' || event.changes.length === 0)) return
    const tasks = this.#tasks.get(event.host) ?? []
    tasks.push(`${event.role}/${event.task}${failed ? ` (${event.status})` : ''}`)
    this.#tasks.set(event.host, tasks)
  }

  /** Writes the line on every host that the run has written to. A host on which it cannot be written costs a warning. */
  async write({ settings, fleet, emit }: Run): Promise<void> {
    const by = this.#by
    if (by === undefined) return
    await Promise.all(
      fleet.touched.map(async run => {
        const { name } = run.host
        const tasks = this.#tasks.get(name)
        // A role that only copies files from a host does not change it.
        if (!tasks || settings.kill.aborted) return
        const problem = await append(run, auditLine(new Date(), by, tasks))
        if (problem === undefined) return
        const { written, why } = problem
        const text = written
          ? `${AUDIT_FILE} has the audit line, but could not be put aside: ${why}`
          : `no audit line in ${AUDIT_FILE}: ${why}`
        emit({ type: 'note', level: 'warning', text, host: name })
      }),
    )
  }
}

/** What went wrong, and whether the line was written all the same; undefined: nothing, or the host is gone. */
async function append({ connection }: HostRun, line: string): Promise<Problem | undefined> {
  if (!connection || connection.session.lost) return undefined
  try {
    const { code, stderr } = await connection.session.run(auditScript(line), {
      timeoutMs: TIMEOUT_MS,
      maxBytes: 4096,
    })
    const why = cleanLine(stderr.trim().slice(-300))
    if (code === 0) return why === '' ? undefined : { written: true, why }
    return { written: false, why: why || `exit ${code}` }
  } catch (error) {
    return { written: false, why: error instanceof Error ? error.message : String(error) }
  }
}

interface Problem {
  readonly written: boolean
  readonly why: string
}

/** One printable line of at most 2000 characters. */
export function auditLine(when: Date, by: string, tasks: readonly string[]): string {
  const head = `${when.toISOString().replace(/\.\d+Z$/, 'Z')} ${by}: `
  let line = cleanLine(head).slice(0, MAX_LINE / 2)
  for (const [index, task] of tasks.entries()) {
    const next = `${index === 0 ? '' : ', '}${cleanLine(task)}`
    if (line.length + next.length > MAX_LINE - 20) return `${line} … ${tasks.length - index} more`
    line += next
  }
  return line
}

/**
 * Appends a line to AUDIT_FILE as one write, in POSIX sh with GNU coreutils. A group may write to /var/log (Ubuntu: syslog), and so
 * plant a link, a FIFO or a file of its own there. dd makes the file without following a link (O_NOFOLLOW). Then the shell
 * opens it for appending, and writes only if the open file is at that path, a regular file of root with no further name, and
 * writable by root alone. The subshell has neither the lock's descriptor nor an effect on the session's shell.
 */
export const auditScript = (
  line: string,
  file = AUDIT_FILE,
  maxBytes = MAX_BYTES,
): string => `( exec 9>&-; umask 027; _f=${quote(file)}
_fmc_no() { printf '%s\\n' "$1" >&2; exit 1; }
_fmc_odd() { [ -L $_f ] || { [ -e $_f ] && [ ! -f $_f ]; }; }
! _fmc_odd || _fmc_no 'it is not a regular file'
if [ -e $_f ] && _s=$(stat -c %s $_f) && [ "$_s" -gt ${maxBytes} ]; then
mv -fT $_f $_f.1 || [ "$_s" -le ${MOST_TIMES * maxBytes} ] || _fmc_no 'it is full'
fi
[ -e $_f ] || dd if=/dev/null of=$_f oflag=append,nofollow,nonblock conv=notrunc status=none || exit 1
! _fmc_odd || _fmc_no 'it is not a regular file'
command exec 8>>$_f || exit 1
[ "$(readlink /proc/self/fd/8)" = "$(readlink -f \${_f%/*})/\${_f##*/}" ] || _fmc_no 'another user has exchanged it'
case $(stat -Lc '%F:%u:%h:%a' /proc/self/fd/8) in
'regular file:0:1:'*[2367] | 'regular file:0:1:'*[2367]? | 'regular empty file:0:1:'*[2367] | 'regular empty file:0:1:'*[2367]?) _fmc_no 'others may write to it' ;;
'regular file:0:1:'* | 'regular empty file:0:1:'*) ;;
*) _fmc_no 'it is not a file of root with one name' ;;
esac
printf '%s\\n' ${quote(line)} >&8 )`
