import { EXIT } from '../../errors.ts'

/** What a term of fmc means. */
export interface Term {
  readonly names: readonly string[]
  readonly kind: 'word' | 'state' | 'exit code'
  readonly meaning: string
}

const word = (names: string, meaning: string): Term => ({
  names: names.split(', '),
  kind: 'word',
  meaning,
})

/** The words of docs/architecture.md, "Words"; a test compares them. */
export const WORDS: readonly Term[] = [
  word('inventory, host, group', 'as in Ansible: the machines and what they are for'),
  word('playbook, play', 'an ordered list of plays; a play runs roles on the hosts of a pattern'),
  word('stage', 'one play, or several that run together'),
  word('pass', 'one way through all plays: plan, apply, verify'),
  word('role', 'tasks, variables and handlers for one purpose'),
  word('task', 'one call of a resource in a role; one line of the report'),
  word('resource', 'the declared state of one thing: file, service, …'),
  word('change', 'one step that a task makes: words for people and a script for the host'),
  word('fact', 'the answer of a host to one question, such as the mode of a path'),
  word(
    'saved plan, plan',
    'a file with what a dry run found; fmc apply makes exactly that, or refuses',
  ),
  word('forecast', 'the facts that will hold after the changes planned so far'),
  word('estimate', 'a plan that depends on something only the changed host can tell'),
  word(
    'drift',
    'a host differs from what a playbook declares (fmc drift); some of it a resource only reports',
  ),
  word('health', 'whether the cloud works (fmc play health), whatever its hosts look like'),
  word('gate', 'a condition that a role waits for'),
  word('invariant', 'a condition that must hold before and after each batch of a rolling play'),
  word(
    'guard',
    'a timer on the host that rolls a change back unless fmc confirms it over a new connection',
  ),
  word(
    'server, agent',
    'as in K3s: a server (master1) runs etcd and the API; an agent (worker1) runs pods only',
  ),
  word(
    'handler',
    "what runs at a role's next flush() or its end if a task notified it; pending until it has run",
  ),
  word('dropped', 'a host that failed or could not be reached; the run goes on without it'),
  word(
    'journal, job',
    'a job is a run with the runs that resume it after an interruption; the journal remembers when it began',
  ),
  word('shard', 'a part of the hosts: one of several runs that divide a playbook (--shard 2/5)'),
  word('hook', 'a service that a run tells how it went; the inventory names it'),
  word('record', 'what fmc keeps of a run on the controller; fmc runs lists them'),
  word('report', 'one page of a record, for a browser (fmc runs report)'),
  word('audit', 'a line in /var/log/fmc.log of each host that a run has changed: when, who, what'),
  word('critical path', 'the tasks, one after another, that made a run as long as it was'),
  word('lab', 'the twin of the inventory on this machine'),
  word(
    'double',
    'a program in the lab that stands in for another one, such as K3s; fmc lab status names them',
  ),
]

const state = (name: string, meaning: string): Term => ({ names: [name], kind: 'state', meaning })

/** The words of reports and of the recap. */
export const STATES: readonly Term[] = [
  state('ok', 'the host was already as the task wants it'),
  state('changed', 'the task changed the host; in a dry run: it would'),
  state('skipped', 'the task did not apply, or came before --start-at'),
  state(
    'failed',
    'the task failed. fmc does nothing more on that host, and finishes the others; in a rolling play the run stops',
  ),
  state(
    'unreachable',
    'fmc could not log in to the host, or lost it. It does nothing more there, and finishes the others',
  ),
  state(
    'unpredicted',
    'the run made a change that the plan did not name. Should be 0: the role decides by something that its plan cannot see',
  ),
  state(
    'undone',
    'planned changes that were not made on the host, because it failed, was locked or not reached, or the run was interrupted',
  ),
  state('unneeded', 'the plan named a change that was not necessary in the end. Should be 0'),
  state(
    'locked',
    'another run works on the host, so this run changed nothing on any host. The error names the other run',
  ),
  state(
    'not reached',
    'the run ended before it came to the host, because hosts of an earlier play failed or you stopped it',
  ),
  state(
    'not idempotent',
    'right after the run the task would change the host again: the role does not recognise its own result',
  ),
]

const exit = (code: number, meaning: string): Term => ({
  names: [String(code), `exit code ${code}`],
  kind: 'exit code',
  meaning,
})

export const EXIT_CODES: readonly Term[] = [
  exit(EXIT.ok, 'fine'),
  exit(
    EXIT.usage,
    'the command line, the inventory, a variable or the secrets file is wrong; nothing was touched',
  ),
  exit(
    EXIT.failed,
    'a task failed, a host is locked by another run, a run would break an invariant, or health found a problem',
  ),
  exit(
    EXIT.pending,
    'changes are pending (with --dry-run --exit-code), or a host differs (fmc drift)',
  ),
  exit(EXIT.unreachable, 'a host was unreachable or stopped answering; fmc finished the others'),
  exit(EXIT.interrupted, 'interrupted by Ctrl-C'),
  exit(EXIT.terminated, 'ended by SIGTERM'),
]
