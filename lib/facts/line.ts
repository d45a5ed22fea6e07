import { quote } from '../shell/quote.ts'
import { GarbledProbe, linePerArgument, type Family } from './family.ts'

/**
 * Is the text a whole line of the file (links followed)? The argument is path NUL line. What is no regular file has no
 * lines.
 */
export const line: Family<boolean> = {
  bytes: { each: 5 * 1024 },
  script: args =>
    args
      .map(arg => {
        const [path = '', text = ''] = arg.split('\0')
        return `if [ -f ${quote(path)} ]; then grep -qxF -e ${quote(text)} -- ${quote(path)}; echo $?; else echo 1; fi`
      })
      .join('\n'),
  parse: ({ out, err }, args) =>
    linePerArgument('line', out, args, code => {
      if (code !== '0' && code !== '1') throw new GarbledProbe('line', `grep exit ${code}: ${err}`)
      return code === '0'
    }),
}
