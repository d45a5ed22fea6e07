import type { Recorded } from './record.ts'
import type { Moment } from './wire.ts'

/** What goes wrong. The letters before the first dash say where: at a command's boundary, or at a system call inside one. */
export const FAULTS = {
  'runner killed': 'SIGKILL of the process that runs fmc',
  'interrupted once': 'Ctrl-C once',
  'interrupted twice': 'Ctrl-C twice',
  'connection reset': 'the connection breaks; both sides notice',
  'connection dark': 'fmc loses the connection and the host does not notice',
  'connection stalls': 'no byte arrives for a while',
  'acknowledgement lost':
    'the command is done, and the connection breaks before its answer arrives',
  'second fmc': 'another run begins meanwhile',
  'edited meanwhile': 'somebody changes what is declared, between plan and apply',
  'answer cut': 'the host says half of its answer and nothing more',
  'answer with NUL': 'NUL bytes in the answer',
  'answer imitates': 'the answer contains what looks like the end of a command',
  'answer too long': 'the answer is far too long',
  'content refused': 'the check of the new content fails',
  'role not idempotent': 'a task of the role is never done',
  'host crashed': 'all processes of the host die',
  'power cut': 'the host dies, and data that was not synced is lost',
  'process killed': 'the process that makes the call dies (out of memory)',
  'shell killed': "the session's shell dies",
  'disk full': 'this call and all after it fail with ENOSPC',
  'disk full once': 'the call fails with ENOSPC',
  'input/output error': 'the call fails with EIO',
  'read-only': 'this call and all after it fail with EROFS',
} as const
export type Fault = keyof typeof FAULTS

/** One case: a fault of a workload's run, at one moment on one host. */
export interface Cell {
  readonly id: string
  readonly workload: string
  readonly host: string
  readonly fault: Fault
  readonly at: Moment
}

/** Where each fault may happen. */
const BOUNDARIES: Partial<Record<Fault, readonly ('before' | 'sent' | 'acked')[]>> = {
  'runner killed': ['before', 'sent', 'acked'],
  'interrupted once': ['before', 'sent'],
  'interrupted twice': ['sent'],
  'connection reset': ['before', 'sent'],
  'connection dark': ['sent'],
  'connection stalls': ['sent'],
  'acknowledgement lost': ['acked'],
  'second fmc': ['sent'],
  'answer cut': ['sent'],
  'answer with NUL': ['sent'],
  'answer imitates': ['sent'],
  'answer too long': ['sent'],
  'host crashed': ['before', 'sent', 'acked'],
  'shell killed': ['sent'],
}
const AT_CALLS: readonly Fault[] = [
  'runner killed',
  'interrupted twice',
  'connection reset',
  'second fmc',
  'host crashed',
  'power cut',
  'process killed',
  'shell killed',
  'disk full',
  'disk full once',
  'input/output error',
  'read-only',
]

/** Every cell of a recorded run, in order. */
export function cellsOf({ workload, commands }: Recorded): Cell[] {
  const cells: Cell[] = []
  for (const [host, list] of commands) {
    const add = (fault: Fault, at: Moment): void => {
      const id = `${workload.name}/${fault.replaceAll(/[ /]/g, '-')}/${host}/${at.command}.${at.when}`
      cells.push({ id, workload: workload.name, host, fault, at })
    }
    list.forEach((command, n) => {
      for (const [fault, moments] of Object.entries(BOUNDARIES))
        for (const when of moments) {
          // The answer to a boot script comes with the greeting of its shell, and an upload's with its end.
          if (
            command.kind !== 'run' &&
            (when === 'acked' ? command.kind === 'boot' : fault.startsWith('answer'))
          )
            continue
          add(fault as Fault, { command: n, when })
        }
      command.calls.forEach((_, call) => {
        for (const fault of AT_CALLS) add(fault, { command: n, when: call + 1 })
      })
    })
    const first = list.findIndex(c => c.pass === 'apply')
    if (workload.refused) add('content refused', { command: 0, when: 'before' })
    if (workload.unsettled) add('role not idempotent', { command: 0, when: 'before' })
    for (let variant = 0; variant < 40; variant++)
      add('edited meanwhile', { command: first, when: 'before' })
  }
  // Variants of one cell differ by their number.
  const seen = new Map<string, number>()
  return cells.map(cell => {
    const n = seen.get(cell.id) ?? 0
    seen.set(cell.id, n + 1)
    return n === 0 ? cell : { ...cell, id: `${cell.id}.v${n}` }
  })
}

/** Numbers from a seed (mulberry32, a public-domain generator). */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** The number of a text, for a seed of its own. */
export const numberOf = (text: string): number =>
  Buffer.from(text).reduce((h, c) => Math.imul(h ^ c, 16777619) >>> 0, 2166136261)

/**
 * The cells in the order of a seed. The faults take turns, and so do the workloads of each: a few hundred cases have
 * some of every kind, although most of all cells are system calls.
 */
export function shuffled(cells: readonly Cell[], seed: number): Cell[] {
  const next = random(seed)
  const mixed = [...cells]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!]
  }
  return takeTurns(
    mixed,
    c => c.fault,
    c => c.workload,
  )
}

function takeTurns(
  cells: readonly Cell[],
  by: (cell: Cell) => string,
  ...more: readonly ((cell: Cell) => string)[]
): Cell[] {
  const groups = new Map<string, Cell[]>()
  for (const cell of cells) groups.set(by(cell), [...(groups.get(by(cell)) ?? []), cell])
  const [then, ...rest] = more
  const queues = [...groups.values()].map(g => (then ? takeTurns(g, then, ...rest) : g))
  const out: Cell[] = []
  for (let i = 0; out.length < cells.length; i++) for (const q of queues) if (q[i]) out.push(q[i]!)
  return out
}
