import { scope } from './scope.ts'

/** Run the handlers notified so far now, and not at the end of the role. */
export const flush = (): Promise<void> => scope().flush()
