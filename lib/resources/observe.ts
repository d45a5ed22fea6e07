import { scope } from './scope.ts'

/**
 * Passes a finding about this host to the playbook's `conclude`, which reads it as `found(host, role)`. A later call of the
 * same role on the same host replaces it.
 *
 * @example
 * observe((await probe`df --output=pcent /`).lines())
 */
export const observe = (found: unknown): void => scope().observe(found)

/**
 * When this job began: this run, or the interrupted run that it resumes. For names and decisions that must stay the same
 * when the run is repeated.
 *
 * @example
 * await keep(`snapshot-${begun().toISOString().slice(0, 10)}`, { script: 'echo /etc/hosts' })
 */
export const begun = (): Date => new Date(scope().settings.begun)
