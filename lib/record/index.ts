/** Records of runs: what fmc writes down of each run on this machine, and what later runs read of it. */
export { shownArgv } from './command-line.ts'
export type { EndLine, EventLine, RecordLine, RunLine } from './format.ts'
export { gitState } from './git.ts'
export { recordedRuns, type RecordedRun } from './read.ts'
export { openRecorder, type Recorder, type RunStart } from './recorder.ts'
export { failedHosts, lastRun, taskTimes, type RunsOf, type TaskTimes } from './runs.ts'
export { debugDir, labRunsDir, runsDir } from './store.ts'
