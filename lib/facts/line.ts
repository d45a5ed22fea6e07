import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, IS_FILE, linePerArgument, Refused, type Family } from './family.ts'

/**
 * Is the text a whole line of the file? The argument is path NUL line. Anything but a regular file has no lines; a link is
 * not followed.
 */
export const line: Family<boolean | Refused> = {
  bytes: { each: 5 * 1024 },
  reads: args => args.map(arg => arg.split('\0')[0] ?? ''),
  script: args =>
    `fmc_has() {
  p=$1
  if ! { ${IS_FILE}; }; then return 1; fi
  if fmc_closed "$p"; then grep -qxF -e "$2" -- "$p"; else ( fmc_beside "$p" && fmc_bytes "$p" | grep -qxF -e "$2" ); fi
}
${args.map(arg => `fmc_has ${quoteAll(arg.split('\0'))}; echo $?`).join('\n')}`,
  parse: ({ out, err }, args) =>
    linePerArgument('line', out, args, code => {
      if (code === '73') return new Refused(err.trim())
      if (code !== '0' && code !== '1') throw new GarbledProbe('line', `grep exit ${code}: ${err}`)
      return code === '0'
    }),
}
