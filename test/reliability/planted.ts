/** A change of the engine that the cases must find. */
export interface Defect {
  readonly name: string
  readonly edits: readonly Edit[]
  /** The workload whose cases look for it. */
  readonly workload: string
}

/** One replacement in the text of a file, which has `from` exactly once. */
export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

const FILE = 'lib/resources/file.ts'
const LINE = 'lib/resources/line.ts'
const LINK = 'lib/resources/link.ts'
const HANDLES = 'lib/shell/handles.ts'
const WRITE = 'lib/engine/host/write.ts'
const ROLE_RUN = 'lib/engine/role/role-run.ts'
const FLUSHES = 'lib/engine/role/flushes.ts'
const RUNNER = 'lib/engine/role/task-runner.ts'
const RECAP = 'lib/engine/recap.ts'
const LOCK = 'lib/engine/host/lock-script.ts'
const GUARD = 'lib/resources/guard-script.ts'

type Planted = Omit<Defect, 'workload'>

const one = (name: string, file: string, from: string, to: string): Planted => ({
  name,
  edits: [{ file, from, to }],
})

const PLANTED: Readonly<Record<string, readonly Planted[]>> = {
  files: [
    one('a file is not synced before the rename', FILE, "    'sync -- new',\n", ''),
    one(
      'the rename comes before the validation',
      FILE,
      "...(o.validate === undefined ? [] : [validation(o.validate, o.path)]),\n    'sync -- new',\n  ].join('\\n')",
      '\'sync -- new\',\n    \'cp -p new ../"$fmc_name.part"; mv -fT ../"$fmc_name.part" ../"$fmc_name"\',\n    ...(o.validate === undefined ? [] : [validation(o.validate, o.path)]),\n  ].join(\'\\n\')',
    ),
    one(
      'the validation is skipped',
      FILE,
      '...(o.validate === undefined ? [] : [validation(o.validate, o.path)]),',
      '',
    ),
    {
      name: 'owner and mode are set after the rename',
      edits: [
        {
          file: FILE,
          from: '    `chown -h -- ${quote(`${user}:${group}`)} new`,\n    `chmod -- ${mode} new`,\n',
          to: '',
        },
        {
          file: FILE,
          from: "script: `${PUBLISH}${o.ofSystemd ? `\\n${RELOAD}` : ''}`,",
          to: "script: `${PUBLISH}\\nchown -h -- ${quote(`${user}:${group}`)} ${quote(o.path)}; chmod -- ${mode} ${quote(o.path)}${o.ofSystemd ? `\\n${RELOAD}` : ''}`,",
        },
      ],
    },
    {
      name: 'a full disk is not noticed',
      edits: [
        {
          file: FILE,
          from: "echo 'No space left on device' >&2; exit 74; }`",
          to: "echo 'No space left on device' >&2; }`",
        },
        { file: FILE, from: "echo 'short write' >&2; exit 74; }`", to: ':; }`' },
      ],
    },
    one(
      'the new content is copied over the file',
      HANDLES,
      '  mv -fT -- new "../$fmc_name"\n  fmc_unstage',
      '  cp -dp new "../$fmc_name"\n  fmc_unstage',
    ),
    one(
      'the private directory stays',
      HANDLES,
      '  cd -P .. && rmdir -- "./$fmc_private" 2>/dev/null || :\n}\nfmc_tidy',
      '  cd -P ..\n}\nfmc_tidy',
    ),
    one(
      'nothing tidies up after a failure',
      HANDLES,
      '  trap fmc_unstage EXIT\n  fmc_clear',
      '  fmc_clear',
    ),
    one(
      'what an interrupted run has left stays',
      'lib/resources/leftover.ts',
      '  left\n    ?',
      '  left && path === ""\n    ?',
    ),
    one(
      'a secret is in an argument list',
      FILE,
      'return `printf %s ${quote(text)}`',
      'return `/usr/bin/printf %s ${quote(text)}`',
    ),
    {
      name: 'a secret is in a diff',
      edits: [
        {
          file: FILE,
          from: 'diff: o => ({ path: o.path, after: o.content }),',
          to: 'diff: o => ({ path: o.path, after: o.content instanceof Secret ? (o.content.reveal() as string) : o.content }),',
        },
        {
          file: 'lib/engine/run.ts',
          from: 'const safe = settings.secrets.length === 0 ? event',
          to: 'const safe = settings.secrets.length < 9 ? event',
        },
      ],
    },
  ],
  edits: [
    one(
      'the rename follows a link',
      HANDLES,
      '  mv -fT -- new "../$fmc_name"\n  fmc_unstage',
      '  mv -fT -- new "$(readlink -f "../$fmc_name")"\n  fmc_unstage',
    ),
    one('a line is not synced before the rename', LINE, '; sync -- new', ''),
    {
      name: 'a line is appended in place',
      edits: [
        {
          file: LINE,
          from: '        script,\n',
          to: '        script: `[ ! -s ${quote(path)} ] || [ -z "$(tail -c1 ${quote(path)})" ] || echo >>${quote(path)}\\nprintf \'%s\\\\n\' ${quote(text)} >>${quote(path)}`,\n',
        },
      ],
    },
    one(
      'a link is removed before it is made again',
      LINK,
      'script: `${stage(o.path)}\\nln -s -- ${quote(o.target)} new\\n${PUBLISH}`',
      'script: `rm -f -- ${quote(o.path)}; ln -s -- ${quote(o.target)} ${quote(o.path)}`',
    ),
    one(
      'the exit code of a change is swallowed',
      WRITE,
      'if (result.code !== 0) throw commandError',
      'if (result.code > 255) throw commandError',
    ),
    one(
      'a lost acknowledgement counts as done',
      WRITE,
      '    if (!(error instanceof TaskError)) throw error\n',
      "    if (!(error instanceof TaskError)) return { code: 0, stdout: '', stderr: '' }\n",
    ),
    one('the lock is not taken', LOCK, 'if flock -n $_k 9 || {', 'if : || {'),
    one(
      'a run takes the lock as a dry run does',
      'lib/engine/host/fleet.ts',
      "return dryRun || !this.hosts.includes(host) ? 'shared' : 'exclusive'",
      "return dryRun || !this.hosts.includes(host) ? 'shared' : 'shared'",
    ),
    one('Ctrl-C ends with the exit code of success', RECAP, ': EXIT.interrupted', ': EXIT.ok'),
    one(
      'an unreachable host ends with the exit code of success',
      RECAP,
      '? EXIT.unreachable',
      '? EXIT.ok',
    ),
    one(
      'the forecast forgets planned changes',
      RUNNER,
      'this.#pass.forecast.add(changes, opaque)',
      'void opaque',
    ),
    one(
      "a session's word can be guessed",
      'lib/ssh/word.ts',
      'unset ${VARIABLE}; read -r ${VARIABLE} <${UUID_FILE} && [ -n "$${VARIABLE}" ] || exit 1',
      'unset ${VARIABLE}; ${VARIABLE}=00000000-0000-4000-8000-000000000000',
    ),
  ],
  uploads: [
    one(
      'an upload is not synced before the rename',
      'lib/resources/send.ts',
      '\\nsync -- new`',
      '`',
    ),
  ],
  handlers: [
    one(
      'a handler is marked after the change',
      WRITE,
      "    ahead,\n    ...changes.map(c => reveal(c.script ?? '')),",
      "    ...changes.map(c => reveal(c.script ?? '')),\n    ahead,",
    ),
    one(
      'a handler is not marked',
      'lib/engine/role/marks.ts',
      'handlers.length === 0\n',
      'handlers.length < 9\n',
    ),
    one(
      'the mark goes before the handler runs',
      ROLE_RUN,
      '        const handler = this.#o.role.handlers[name]\n',
      "        const handler = this.#o.role.handlers[name]\n        await task.carryOut([{ what: 'done', script: unmarkScript(this.role, name) }])\n",
    ),
    one(
      'a handler that an interrupted run owes is forgotten',
      FLUSHES,
      'withPending ? await this.#pendingHere() : []',
      'withPending ? [] : await this.#pendingHere()',
    ),
    {
      name: 'a dry run does not show what is owed',
      edits: [
        {
          file: ROLE_RUN,
          from: "isPlanned: name => this.mode !== 'apply' && this.#pass.handled.has(`${this.role}/${name}`),",
          to: "isPlanned: () => this.mode === 'plan',",
        },
      ],
    },
    one(
      'the failure of a handler is swallowed',
      ROLE_RUN,
      '          handler?.(await this.#context()),',
      '          Promise.resolve(handler?.(await this.#context())).catch(() => undefined),',
    ),
    one(
      'the verify pass is skipped',
      'lib/engine/run.ts',
      'if (fleet.touched.length > 0 && !interrupted())',
      'if (fleet.touched.length > 99 && !interrupted())',
    ),
  ],
  guard: [
    one(
      'a guard is not armed before the change',
      RUNNER,
      "const script = [...ahead, marks].join('\\n')",
      "const script = [...ahead.slice(0, 0), marks].join('\\n')",
    ),
    one(
      'the undo of a guard restores nothing',
      GUARD,
      'mv -fT -- "$to.fmc-new" "$to" || bad=74\n',
      'rm -rf -- "$to.fmc-new"\n',
    ),
  ],
  packages: [
    one(
      'an interrupted dpkg is left as it is',
      'lib/resources/package-manager.ts',
      'NEEDRESTART_SUSPEND=1\n${RECOVER}`',
      'NEEDRESTART_SUSPEND=1`',
    ),
  ],
}

/**
 * Defects that somebody could make. `npm run faults -- --planted` bundles the engine with each, one at a time, and
 * counts the cases of its workload until one fails.
 */
export const DEFECTS: readonly Defect[] = Object.entries(PLANTED).flatMap(([workload, list]) =>
  list.map(defect => ({ ...defect, workload })),
)
