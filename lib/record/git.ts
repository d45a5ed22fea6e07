import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { distrust } from '../trust.ts'
import type { RunLine } from './format.ts'

/** A run does not wait longer for git than this. */
const PATIENCE_MS = 500

/**
 * The commit that a directory is at, and whether it has changes (untracked files count). Undefined: it is not in a git
 * repository, other users may write the repository's configuration, which names programs that git starts (git-config(1),
 * filter.<driver>.clean), git is missing, or it did not answer in half a second. Never rejects. It takes no lock in the
 * repository.
 */
export const gitState = (dir: string): Promise<RunLine['git']> =>
  new Promise(done => {
    if (!isSafe(resolve(dir))) {
      done(undefined)
      return
    }
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

/** Could only the user, and whom fmc trusts, have written the configuration of the repository around a directory? */
function isSafe(dir: string): boolean {
  try {
    const at = join(dir, '.git')
    const stat = statSync(at, { throwIfNoEntry: false })
    if (!stat) return dir !== dirname(dir) && isSafe(dirname(dir))
    const own = stat.isDirectory() ? at : resolve(dir, read(at).replace(/^gitdir: /, ''))
    // Of a second work tree (gitrepository-layout(5), commondir).
    const shared = statSync(join(own, 'commondir'), { throwIfNoEntry: false })
      ? resolve(own, read(join(own, 'commondir')))
      : own
    const files = [own, shared].flatMap(git => [join(git, 'config'), join(git, 'config.worktree')])
    return distrust([at, ...files]) === undefined
  } catch {
    return false
  }
}

const read = (file: string): string => readFileSync(file, 'utf8').trim()
