import { elapsed } from '../report/words.ts'

/** Milliseconds as a time for people, exact enough for a timeline: "4 ms", "0.4 s", "3 min 4 s". */
export const duration = (ms: number): string => (ms < 95 ? `${Math.round(ms)} ms` : elapsed(ms))

/** The same for the scale of a timeline, where marks of a short run must not look alike: "150 ms", "1.1 s". */
export const mark = (ms: number): string => (ms < 950 ? `${Math.round(ms)} ms` : elapsed(ms))
