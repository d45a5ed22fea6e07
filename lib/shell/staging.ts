import { basename, dirname } from 'node:path/posix'
import { CHANGE, WALK } from './handles.ts'
import { quote, quoteAll } from './quote.ts'

/** /a/b → ['/', '/a', '/a/b'] */
export const withAncestors = (dir: string): string[] =>
  dir === '/' ? ['/'] : [...withAncestors(dirname(dir)), dir]

const enter = (path: string): string => {
  const dir = dirname(path)
  return `${WALK}${CHANGE}fmc_enter ${quoteAll([dir, ...withAncestors(dir).slice(0, -1)])}`
}

/** What a candidate's path is for an author's check: a shell word that stands for it while the check runs. */
export const CANDIDATE = '"$fmc_candidate"'

/**
 * Shell text, under `set -e`: makes the private directory beside `path` and goes into it. What follows makes the file
 * (link, directory) `new` there with its owner and mode; `PUBLISH` puts it in the place of `path`. Until then `path` is
 * as it was, and whatever ends the script removes the private directory.
 *
 *     `${stage('/etc/motd')}\nprintf hello >new\n${PUBLISH}`
 */
export const stage = (path: string): string => `${enter(path)}\nfmc_stage ${quote(basename(path))}`

/** Like `stage`, for the private directory in which `receive` has put `new`. */
export const resume = (path: string): string =>
  `${enter(path)}\nfmc_resume ${quote(basename(path))}`

/** Puts `new` in the place of the path; readers see the old or the new one. Fails when somebody has exchanged the directory. */
export const PUBLISH = 'fmc_publish'

/** After `stage`: `new` becomes a copy of the file that is there, with its owner, mode and attributes. */
export const COPY = 'fmc_copy'

/** Lets the author's check of `new` read it, as it will be readable once it is published. */
export const SHOW = 'fmc_show'

/**
 * Shell text that receives a file of `size` bytes from standard input as `new` in the private directory, 0600, and leaves
 * it there for `resume`. It cleans up before it complains: when the connection is gone, the complaint ends the shell.
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
 * Shell text, under `set -e`: gives owner and mode to a file that is there. In an open directory a copy replaces it, since
 * whoever owned it may still have it open; `sum` is the SHA-256 that the copy must have. Without `sum` the file must belong
 * to the owner of the directory.
 */
export const access = (path: string, owner: string, mode: string, sum = ''): string =>
  `${enter(path)}\nfmc_access ${quoteAll([basename(path), owner, mode, sum])}`

/**
 * Shell text, under `set -e`: a directory with owner and mode, and missing ancestors as root:root 0755. Five digits: with
 * four, chmod(1) keeps the setgid bit that a directory has from its parent.
 */
export const makeDirectory = (path: string, owner: string, mode: string): string =>
  `${WALK}${CHANGE}fmc_make ${quoteAll([owner, mode.padStart(5, '0'), path, ...withAncestors(path).slice(1)])}`

/** Shell text, under `set -e`: removes a file or link. */
export const remove = (path: string): string =>
  `${enter(path)}\nrm -f -- ${quote(`./${basename(path)}`)}`

/**
 * Shell text ahead of questions that read these files. It defines
 * `fmc_closed PATH`: may only root change what the path leads to?
 * `fmc_beside PATH`: for a subshell; goes to the file's directory by handles, else fails with the reason on stderr.
 * `fmc_bytes PATH`: after that, prints a file without following a link in its place or waiting for a FIFO.
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
