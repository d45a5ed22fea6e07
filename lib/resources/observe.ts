import { scope } from './scope.ts'

/** Hand something found on this host to the playbook's `conclude`; the role's last word on a host counts. */
export const observe = (found: unknown): void => scope().observe(found)

/** When this job began: this run, or the interrupted one that this one goes on with. */
export const begun = (): Date => new Date(scope().settings.begun)
