import { elapsed } from '../report/words.ts'

/** Milliseconds as a time for people, exact enough for a timeline: "4 ms", "0.4 s", "3 min 4 s". */
export const duration = (ms: number): string => (ms < 95 ? `${Math.round(ms)} ms` : elapsed(ms))
