/**
 * `fmc/testing`: proves roles against a lab, in tests of node:test, tap or any other runner. Needs root, like `fmc lab up`.
 */
export { Lab, startLab, type LabOptions, type TestContext } from './lab.ts'
export {
  proveGate,
  proveRole,
  proveRun,
  type GateProof,
  type Proof,
  type RoleProof,
  type RoleRun,
} from './prove.ts'
export type { FmcRun, Ran, RecapEvent, TaskEvent } from './run.ts'
