import { inventory, knownHostKeys, probe, type Host } from '../../../lib/index.ts'
import { consoleOf } from './declared.ts'

/** For a gate: true, or which VMs do not answer here with the host key that fmc gave them. */
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
    ? `${name} answers, but ${inventory().knownHostsFile} has no key of it`
    : `${name} answers with a host key that is not in ${inventory().knownHostsFile}`
}

/** Lines of a console to show. */
const LAST_LINES = 20

/** The ends of the consoles of VMs that do not answer. */
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
