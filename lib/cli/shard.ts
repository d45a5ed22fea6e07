import { createHash } from 'node:crypto'
import type { Playbook } from '../engine/define/playbook.ts'
import type { SelectedPlay } from '../engine/define/select.ts'
import { UsageError } from '../errors.ts'
import type { RunLine } from '../record/index.ts'

/** Part `index` (from 1) of `of` parts of the hosts. */
export interface Shard {
  readonly index: number
  readonly of: number
}

const MOST = 1000

/** Reads "2/5". Throws UsageError. */
export function parseShard(text: string): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number)
  if (index < 1 || of < 1 || index > of || of > MOST)
    throw new UsageError(
      `--shard ${text}: expected I/N, with I from 1 to N, and N at most ${MOST}`,
      { hint: '--shard 2/5   # the second of five parts' },
    )
  return { index, of }
}

/**
 * Is a host in this part? Only its name and the number of parts decide. So a new host moves no other one, and parts that
 * read different revisions of an inventory never both have a host. The parts are not equally large.
 */
export const isInShard = (host: string, { index, of }: Shard): boolean =>
  createHash('sha256').update(host).digest().readUIntBE(0, 6) % of === index - 1

/** The names of this part; there may be none. */
export const shardOf = (
  stages: readonly (readonly SelectedPlay[])[],
  shard: Shard,
): ReadonlySet<string> =>
  new Set(
    stages
      .flat()
      .flatMap(play => play.hosts.map(host => host.name))
      .filter(name => isInShard(name, shard)),
  )

/** Throws UsageError for a playbook that has to see all its hosts in one run. */
export function demandShardable(
  book: Pick<Playbook, 'name' | 'conclude'>,
  stages: readonly (readonly SelectedPlay[])[],
): void {
  if (book.conclude)
    throw new UsageError(
      `--shard: ${book.name} comes to its result from all hosts together, so it must be one run`,
      { hint: `fmc play ${book.name}` },
    )
  for (const { play } of stages.flat()) {
    const why =
      play.serial !== undefined
        ? `serial: ${JSON.stringify(play.serial)} hosts at a time`
        : play.invariant !== undefined
          ? 'an invariant between its hosts'
          : play.order !== undefined
            ? 'an order of its hosts'
            : undefined
    if (why !== undefined)
      throw new UsageError(
        `--shard: the play ${play.name} is a rolling play (${why}), and the runs of other parts would work on its hosts at the same time`,
        { hint: 'leave it out with --tags, --skip-tags or --role, and run it without --shard' },
      )
  }
}

/**
 * What the runs of all parts have in common, so that `fmc runs merge` finds them: FMC_SHARD_KEY, else the run of GitHub or GitLab, else
 * made of the command line and the revision. Never a secret: `argv` is the command line as records keep it.
 */
export function shardKey(
  argv: readonly string[],
  revision: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { FMC_SHARD_KEY: own, GITHUB_RUN_ID: github, CI_PIPELINE_ID: gitlab } = env
  if (own) {
    if (/^[\w.-]{1,128}$/.test(own)) return own
    throw new UsageError('FMC_SHARD_KEY: expected at most 128 letters, digits, and _.-')
  }
  if (github) return `github-${github}-${env['GITHUB_RUN_ATTEMPT'] ?? '1'}`.replace(/[^\w.-]/g, '')
  if (gitlab) return `gitlab-${gitlab}`.replace(/[^\w.-]/g, '')
  const same = argv.filter((word, i) => !/^--shard(=|$)/.test(word) && argv[i - 1] !== '--shard')
  const text = JSON.stringify([same, revision])
  return `same-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** What the record of a run says of its part; undefined: it is the whole. Throws UsageError. */
export const shardLine = (
  text: string | undefined,
  argv: readonly string[],
  revision: string | undefined,
): RunLine['shard'] =>
  text === undefined ? undefined : { ...parseShard(text), key: shardKey(argv, revision) }
