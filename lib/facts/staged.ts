import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, type Family } from './family.ts'

/**
 * Has an interrupted run left its private directory beside this path (lib/shell/handles.ts)? It is one of root's, and has nothing
 * in it but what `fmc_clear` removes: a directory that somebody else has put there does not count.
 */
export const staged: Family<boolean> = {
  bytes: { each: 16 },
  script: args =>
    `for p in ${quoteAll(args)}; do d=$p.fmc-new r=no; if [ -d "$d" ] && [ ! -L "$d" ] && [ -O "$d" ]; then r=yes
for e in "$d"/* "$d"/.[!.]* "$d"/..?*; do case \${e#"$d/"} in '*' | '.[!.]*' | '..?*' | new | pin) ;; *) r=no ;; esac; done; fi; echo $r; done`,
  parse: ({ out }, args) =>
    linePerArgument('staged', out, args, line => {
      if (line !== 'yes' && line !== 'no') throw new GarbledProbe('staged', line)
      return line === 'yes'
    }),
}
