import { execFile } from 'node:child_process'
import type { RunLine } from './format.ts'

/** A run does not wait longer for git than this. */
const PATIENCE_MS = 500

/**
 * The commit that a directory is at, and whether it has changes (untracked files count). Undefined: it is not in a git
 * repository, git is missing, or it did not answer in half a second. Never rejects. It takes no lock in the repository and
 * starts no program that the repository configures (git-config(1), core.fsmonitor).
 */
export const gitState = (dir: string): Promise<RunLine['git']> =>
  new Promise(done => {
    execFile(
      'git',
      [
        ...['-C', dir, '--no-optional-locks', '-c', 'core.fsmonitor=false'],
        ...['status', '--porcelain=v2', '--branch', '--ignore-submodules=all'],
      ],
      { timeout: PATIENCE_MS, maxBuffer: 16 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } },
      (error, stdout) => {
        const revision = /^# branch\.oid ([0-9a-f]{40,64})$/m.exec(stdout)?.[1]
        done(
          error || revision === undefined
            ? undefined
            : { revision, dirty: stdout.split('\n').some(line => /^[^#]/.test(line)) },
        )
      },
    )
  })
