/** Records of runs: what fmc writes down of each run on this machine, and what later runs read of it. */
export { shownArgv } from './command-line.ts'
export {
  compare,
  isSame,
  isStrange,
  type Comparison,
  type Side,
  type TaskDifference,
} from './compare.ts'
export { findRun } from './find.ts'
export type { EndLine, EventLine, RecordedEvent, RecordLine, RunLine } from './format.ts'
export { gitState } from './git.ts'
export { mergedRecord } from './merge.ts'
export { hostsOf, outcomesOf, ownerOf, taskKey, type TaskLine } from './outcomes.ts'
export { recordedRuns, recordOf, type RecordedRun, type RunContent } from './read.ts'
export { NO_END, replay } from './replay.ts'
export { openRecorder, type Recorder, type RunStart } from './recorder.ts'
export { failedHosts, lastRun, taskTimes, type RunsOf, type TaskTimes } from './runs.ts'
export { debugDir, labRunsDir, retention, runsDir, type Retention } from './store.ts'
export { summaryOf, whoRan, type RunSummary } from './summary.ts'
