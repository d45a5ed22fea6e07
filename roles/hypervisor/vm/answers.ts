import { inventory, knownHostKeys, probe, type Host } from '../../../lib/index.ts'
import { consoleOf } from './declared.ts'

/** true, or the first machine that does not answer with one of the keys that it was given, asked from here. */
export async function answering(vms: readonly Host[]): Promise<true | string> {
  const missing = await Promise.all(vms.map(problemOf))
  const silent = missing.filter(text => text !== undefined)
  return silent.length === 0 ? true : silent.join('; ')
}

async function problemOf(vm: Host): Promise<string | undefined> {
  const { name, address } = vm
  const expected = await knownHostKeys(vm)
  const { stdout } = await probe({
    estimate: false,
  })`ssh-keyscan -T 15 -t ed25519 -p ${vm.ssh.port} ${address}`
  const shown = stdout.split('\n').flatMap(line => /^[^#\s]\S* (\S+ \S+)$/.exec(line)?.[1] ?? [])
  if (shown.some(key => expected.includes(key))) return undefined
  if (shown.length === 0) return `${name} does not answer at ${address}`
  return expected.length === 0
    ? `${name} answers, and ${inventory().knownHostsFile} has no key of it`
    : `${name} answers with another host key than ${inventory().knownHostsFile} has`
}

/** Lines of a console worth reading when nothing answers. */
const LAST_LINES = 20

/** How the consoles of those end that do not answer. */
export async function lastWords(vms: readonly Host[]): Promise<string> {
  const texts = await Promise.all(
    vms.map(async vm => {
      if ((await problemOf(vm)) === undefined) return []
      const { stdout } = await probe({ estimate: false })`tail -n ${LAST_LINES} -- ${consoleOf(vm)}`
      return [`the console of ${vm.name} (${consoleOf(vm)}) ends:`, stdout.trim() || '(nothing)']
    }),
  )
  return texts.flat().join('\n')
}
