import { ask, nonsense, probe, resource, type Common } from '../../lib/index.ts'

/** ipactl(8): 0: all run; 3: some do not; 4: it cannot tell. Its messages end on standard error. */
const QUESTION = 'LC_ALL=C timeout 60 ipactl status'

/** Parses `ipactl status`: the services that do not run. Throws TaskError for an answer without any service. */
export function stoppedIn(text: string): readonly string[] {
  const found = text
    .split('\n')
    .map(line => /^(.{1,64}) Service: (RUNNING|STOPPED)$/.exec(line.trim()))
    .filter(m => m !== null)
  if (found.length === 0) throw nonsense('ipactl', "the state of FreeIPA's services", text)
  return found.filter(m => m[2] === 'STOPPED').map(m => m[1] ?? '')
}

/** These start when somebody connects, and a stopped one is no fault (ipaserver/install/ipactl.py, socket_activated). */
const SOCKET_ACTIVATED: readonly string[] = ['ipa-otpd', 'ipa-ods-exporter']

const faults = (text: string): readonly string[] =>
  stoppedIn(text).filter(name => !SOCKET_ACTIVATED.includes(name))

/** All services of FreeIPA run. `started`: this run has started them all already, or will. */
export const allRun = resource({
  name: (_: Common & { readonly started: boolean }) => "FreeIPA's services",
  needs: () => ({ now: ask('command', QUESTION, { code: 0, stdout: '', stderr: '' }) }),
  plan({ started }, { now }) {
    if (started) return []
    const stopped = faults(now.stdout)
    if (stopped.length === 0) return []
    // It leaves services that run as they are (ipactl(8)).
    return [{ what: `start ${stopped.join(', ')}`, script: 'ipactl start' }]
  },
})

/** true when every service of FreeIPA runs, else which do not. */
export async function servicesRun(): Promise<true | string> {
  const { stdout } = await probe`sh -c ${QUESTION}`
  const stopped = faults(stdout)
  return stopped.length === 0 || `not running: ${stopped.join(', ')}`
}
