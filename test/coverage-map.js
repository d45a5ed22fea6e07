// Which lib files a test file answers for: test/<part>/ for lib/<part>/. Parts that only mean something on real hosts
// (engine, resources, lab, cli, roles) are proven there, by fmc as a process of its own, and are not counted here.
import { readdirSync } from 'node:fs'

const COUNTED = ['artifacts', 'facts', 'inventory', 'report', 'secrets', 'ssh']

export default test => {
  const part = /^test\/([^/]+)\//.exec(test)?.[1]
  if (!COUNTED.includes(part)) return null
  // The texts of reports are tested with them.
  return (part === 'report' ? ['report', 'text'] : [part]).flatMap(folder =>
    readdirSync(`lib/${folder}`)
      .filter(name => name.endsWith('.ts'))
      .map(name => `lib/${folder}/${name}`),
  )
}
