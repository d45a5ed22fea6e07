import { quote } from '../shell/quote.ts'
import { unsetWord } from '../ssh/word.ts'
import { GarbledProbe, type Family } from './family.ts'

/** The answer of an author's own read-only command (`probe`). It runs in its own subshell with empty stdin. */
export interface CommandFact {
  /** Exit code. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export const command: Family<CommandFact> = {
  bytes: { each: 4 * 1024 * 1024 },
  script: (args, spelled) =>
    args
      .map(
        c =>
          `( ${unsetWord}exec 9>&-; eval ${quote(c)} ) </dev/null; printf '${spelled}%d\\035' $?; printf '${spelled}' >&2`,
      )
      .join('\n'),
  parse({ out, err }, args, mark) {
    const outs = out.split(mark)
    const errs = err.split(mark)
    if (outs.length !== args.length + 1 || errs.length !== args.length + 1)
      throw new GarbledProbe('command', out)
    return args.map((_, i) => {
      const tail = outs[i + 1] ?? ''
      const code = /^(\d{1,3})\x1d/.exec(tail)?.[1]
      if (code === undefined) throw new GarbledProbe('command', tail)
      const own = outs[i] ?? ''
      return {
        code: Number(code),
        stdout: i === 0 ? own : own.slice(own.indexOf('\x1d') + 1),
        stderr: errs[i] ?? '',
      }
    })
  },
}
