/** Milliseconds as a time for people: "0.4 s", "12 s", "3 min 4 s", "2 h 5 min". */
export const elapsed = (ms: number): string => {
  const tenths = Math.round(Math.max(0, ms) / 100)
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A rough time for people, rounded up: "a few seconds", "40 s", "6 min", "1 h 10 min". */
export const rough = (ms: number): string => {
  const seconds = Math.ceil(ms / 1000)
  if (seconds <= 5) return 'a few seconds'
  if (seconds <= 60) return `${Math.ceil(seconds / 10) * 10} s`
  if (seconds <= 3600) return `${Math.ceil(seconds / 60)} min`
  const minutes = Math.ceil(seconds / 300) * 5
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** "1 host", "3 hosts". */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`
