import { Secret } from '../../../lib/secrets/secret.ts'

/** Stands in every secret of the workloads, and must be found nowhere but in the files that declare it. */
export const CANARY = 'CANARY-4f1c9d-of-a-secret'
export const SECRET = new Secret(CANARY)
