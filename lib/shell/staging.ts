import { basename, dirname } from 'node:path/posix'
import { CHANGE, WALK } from './handles.ts'
import { MAKE_DIRECTORY } from './make-directory.ts'
import { quote, quoteAll } from './quote.ts'

/** /a/b → ['/', '/a', '/a/b'] */
export const withAncestors = (dir: string): string[] =>
  dirname(dir) === dir ? [dir] : [...withAncestors(dirname(dir)), dir]

const enter = (path: string): string => {
  const dir = dirname(path)
  return `${WALK}${CHANGE}fmc_enter ${quoteAll([dir, ...withAncestors(dir).slice(0, -1)])}`
}

/** Shell word for the candidate's path while an author's `validate` command runs. */
export const CANDIDATE = '"$fmc_candidate"'

/**
 * Shell text for `set -e` that makes the private directory beside `path` and enters it. The text after it makes the file,
 * link or directory `new` there, with its owner and mode; `PUBLISH` then replaces `path` by it. Until then `path` is
 * unchanged. The private directory is removed however the script ends.
 *
 *     `${stage('/etc/motd')}\nprintf hello >new\n${PUBLISH}`
 */
export const stage = (path: string): string => `${enter(path)}\nfmc_stage ${quote(basename(path))}`

/** Like `stage`, for a private directory that `receive` has left behind with `new` in it. */
export const resume = (path: string): string =>
  `${enter(path)}\nfmc_resume ${quote(basename(path))}`

/** Shell text for `set -e` that removes a private directory which an interrupted run has left beside `path`. */
export const tidy = (path: string): string => `${enter(path)}\nfmc_tidy ${quote(basename(path))}`

/** Replaces the path by `new`; readers see the old or the new one. Fails if someone has exchanged the directory. */
export const PUBLISH = 'fmc_publish'

/** After `stage`: copies the existing file to `new`, with owner, mode and attributes. */
export const COPY = 'fmc_copy'

/** Makes `new` readable for the author's `validate` command, as it will be once published. */
export const SHOW = 'fmc_show'

/**
 * Shell text that receives a file of `size` bytes from standard input as `new` (0600) in the private directory, and leaves
 * it there for `resume`. On an error it cleans up before it prints: without a connection, printing ends the shell.
 */
export const receive = (path: string, size: number): string =>
  `( set -e
${stage(path)}
[ "$fmc_private$fmc_own" = "$fmc_name.fmc-new" ] || fmc_no "$fmc_dir/$fmc_name.fmc-new is in the way"
cat >new
fmc_s=$(stat -c %s -- new)
[ "$fmc_s" = ${size} ] || { fmc_unstage; trap - EXIT; printf 'got %s of ${size} bytes' "$fmc_s" >&2; exit 65; }
trap - EXIT )`

/**
 * Shell text for `set -e` that sets owner and mode of an existing file. In an open directory (handles.ts) a copy replaces the
 * file, because its former owner may still have it open; `sum` is the SHA-256 that the copy must have. Without `sum` the
 * file must belong to the owner of the directory.
 */
export const access = (path: string, owner: string, mode: string, sum = ''): string =>
  `${enter(path)}\nfmc_access ${quoteAll([basename(path), owner, mode, sum])}`

/**
 * Shell text for `set -e` that makes a directory with owner and mode, and its missing ancestors as root:root 0755. The mode
 * has five digits: with four, chmod(1) keeps the setgid bit that a directory inherits from its parent.
 */
export const makeDirectory = (path: string, owner: string, mode: string): string =>
  `${WALK}${CHANGE}${MAKE_DIRECTORY}fmc_make ${quoteAll([owner, mode.padStart(5, '0'), path, ...withAncestors(path).slice(1)])}`

/** Shell text for `set -e` that removes a file or link. */
export const remove = (path: string): string =>
  `${enter(path)}\nrm -f -- ${quote(`./${basename(path)}`)}`

/** Shell text for `set -e` that removes an empty directory. */
export const removeEmpty = (path: string): string =>
  `${enter(path)}\nrmdir -- ${quote(`./${basename(path)}`)}`

/**
 * Shell functions for probes that read these files:
 * `fmc_closed PATH` tests whether only root can change what the path leads to.
 * `fmc_beside PATH` (in a subshell) enters the file's directory by handles, or fails with the reason on stderr.
 * `fmc_bytes PATH` then prints the file; it follows no link and waits for no FIFO.
 */
export const reading = (paths: readonly string[]): string => {
  const dirs = new Set(paths.flatMap(p => withAncestors(dirname(p))))
  return `${WALK}fmc_bad=$(find ${quoteAll([...dirs])} -maxdepth 0 ! '(' -type d -uid 0 ! -perm /022 ')' 2>/dev/null)
fmc_closed() {
  [ -n "$fmc_bad" ] || return 0
  case $1 in *'
'*) return 1 ;; esac
  printf '%s\\n' "$fmc_bad" | {
    while IFS= read -r fmc_part; do case $1 in "\${fmc_part%/}"/*) return 1 ;; esac; done
  }
}
fmc_beside() { fmc_walk "\${1%/*}/"; }
fmc_bytes() { dd "if=./\${1##*/}" iflag=nofollow,nonblock bs=64k status=none; }
`
}
