/** What a check answers: true, or what is still missing; false when it has no words for that. */
export type Answer = boolean | string

/** What is missing, in words; undefined: nothing, the check holds. */
export const missing = (answer: Answer): string | undefined =>
  answer === true ? undefined : answer === false ? 'it does not hold' : answer

/** When a check that does not hold is asked again. */
export interface Patience {
  /** 0: the check is asked once. */
  readonly seconds: number
  /** Called between two questions, with what is missing. */
  readonly pause: (missing: string) => Promise<void>
  /** Stop asking before the time is over. */
  readonly stop?: { readonly aborted: boolean }
}

/** Asks until the check holds. Resolves with undefined when it does, else with what was missing at the end. */
export async function untilHolds(
  check: () => Promise<Answer>,
  { seconds, pause, stop }: Patience,
): Promise<string | undefined> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const why = missing(await check())
    if (why === undefined) return undefined
    if (performance.now() >= end || stop?.aborted) return why
    await pause(why)
  }
}
